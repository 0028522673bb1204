"""Accuracy of a classifier of answers on held-out dialogues."""

from collections.abc import Mapping, Sequence

from flan_jax.evaluation.instruction_following.classifier import AnswerClassifier

PAPER = {'accuracy': 0.970, 'precision': 0.983, 'recall': 0.925, 'F1': 0.953}
"""AlShikh et al. 2023, table 4: a BERT on their own dialogues; F1 is computed from precision and recall."""


def quality(classifier: AnswerClassifier, texts: Sequence[str], labels: Sequence[int]) -> Mapping[str, float]:
    """Accuracy, and precision, recall and F1 of answers."""
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    predicted = classifier.is_answer(texts)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average='binary', zero_division=0)
    accuracy = accuracy_score(labels, predicted)
    return {'accuracy': float(accuracy), 'precision': float(precision), 'recall': float(recall), 'F1': float(f1)}
