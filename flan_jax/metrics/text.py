"""Metrics of written answers: exact match, word edits, ROUGE and BLEU."""

from collections.abc import Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric, Sums, percent


def exact_match(judgements: Sequence[Judgement]) -> Scores:
    """Share of predictions equal to a reference, apart from whitespace at the ends."""
    hits = [j.prediction.strip() in {r.strip() for r in j.references} for j in judgements]
    return {'exact_match': percent(hits)}


def edit_distance(judgements: Sequence[Judgement]) -> Scores:
    """Word edits per hundred reference words, with case and punctuation; smaller is better.

    If no reference has a word, edits are divided by 1.
    """
    return {'word_error_rate': float(_word_error_rate(_edits(judgements).sum(axis=0)))}


def rouge(judgements: Sequence[Judgement]) -> Scores:
    """ROUGE-1, -2 and -Lsum F-measures: the best over the references, then the mean over examples."""
    from rouge_score import rouge_scorer

    from flan_jax.metrics.rouge_tokens import RougeTokenizer

    kinds = ('rouge1', 'rouge2', 'rougeLsum')
    scorer = rouge_scorer.RougeScorer(kinds, tokenizer=RougeTokenizer())
    scores = [scorer.score_multi(list(map(_lines, j.references)), _lines(j.prediction)) for j in judgements]
    return {kind: 100 * sum(score[kind].fmeasure for score in scores) / len(scores) for kind in kinds}


def bleu(judgements: Sequence[Judgement]) -> Scores:
    """Corpus BLEU by sacrebleu with its international tokenisation, as in t5."""
    import sacrebleu

    most = max(len(j.references) for j in judgements)
    # None, which the library's type hints omit, marks a missing reference.
    streams: list = [[j.references[i] if i < len(j.references) else None for j in judgements] for i in range(most)]
    return {'bleu': sacrebleu.corpus_bleu([j.prediction for j in judgements], streams, tokenize='intl').score}


def _lines(text: str) -> str:
    """The text with one sentence per line, as ROUGE-Lsum expects it."""
    return text.replace(' . ', ' .\n')


def _edits(judgements: Sequence[Judgement]) -> np.ndarray:
    """Numbers of word edits and of reference words, [E, 2]."""
    import editdistance

    words = [(j.references[0].split(), j.prediction.split()) for j in judgements]
    return np.array([(editdistance.eval(expected, predicted), len(expected)) for expected, predicted in words], float)


def _word_error_rate(sums: np.ndarray) -> np.ndarray:
    return 100 * sums[..., 0] / np.maximum(sums[..., 1], 1)


def _n_grams(judgements: Sequence[Judgement]) -> np.ndarray:
    """Matching and possible n-grams for n = 1 to 4, length of the prediction and of the closest reference, [E, 10]."""
    import sacrebleu

    def count(judgement: Judgement) -> list[float]:
        alone = sacrebleu.corpus_bleu([judgement.prediction], [[r] for r in judgement.references], tokenize='intl')
        return [*alone.counts, *alone.totals, alone.sys_len, alone.ref_len]

    return np.array([count(judgement) for judgement in judgements], float)


def _bleu_of_sums(sums: np.ndarray) -> np.ndarray:
    from sacrebleu.metrics import BLEU

    def score(counts: np.ndarray) -> float:
        numbers = counts.astype(int).tolist()
        return BLEU.compute_bleu(numbers[:4], numbers[4:8], numbers[8], numbers[9], smooth_method='exp').score

    return np.apply_along_axis(score, -1, sums)


METRICS = {
    'exact_match': Metric(exact_match, 'exact_match'),
    'edit_distance': Metric(
        edit_distance, 'word_error_rate', smaller_is_better=True, sums=Sums(_edits, _word_error_rate)
    ),
    'rouge': Metric(rouge, 'rouge1'),
    'bleu': Metric(bleu, 'bleu', sums=Sums(_n_grams, _bleu_of_sums)),
}
