"""A classifier of responses: is a text an answer, or a continuation of the text before it?

AlShikh et al. (2023) train a BERT and publish neither weights nor code. This classifier is ours: logistic regression on
the first words and letters of a text, their spelling, and the end of its first sentence. It trains in seconds. A single
word may count as an answer, since the paper's definition requires no length. The classifier is stored as numbers
(safetensors) and words (JSON), neither of which can run code.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence

import numpy as np
from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import make_folder, write_whole
from flan_jax.settings import fingerprint

WEIGHTS_FILE, WORDS_FILE = 'weights.safetensors', 'features.json'

VERSION = 1
"""Version of the features; classifiers of other versions are refused."""

INVERSE_REGULARISATION = 0.1
"""scikit-learn's C. Accuracy on held-out dialogues differs by 0.3 points from 0.03 to 1."""

FEWEST_TEXTS = 2
"""Features are used if at least this many texts have them."""

_WORDS, _LETTERS, _LONGEST = 6, 16, 4
"""Numbers of words and of letters at the beginning that are used, and the maximal length of letter n-grams."""


@dataclasses.dataclass(frozen=True)
class AnswerClassifier:
    """Distinguishes answers (1) from continuations (0).

    Attributes:
      features: names of the features.
      weights_F: their weights.
      bias: score of a text without any of the features.
    """

    features: Sequence[str]
    weights_F: np.ndarray
    bias: float

    @property
    def fingerprint(self) -> str:
        """A fingerprint, sixteen hexadecimal digits, of features, weights and bias."""
        return fingerprint([list(self.features), self.weights_F.tolist(), self.bias])

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """The log-odds that each text is an answer, [texts]."""
        weight = dict(zip(self.features, self.weights_F.tolist()))
        return np.array([self.bias + sum(weight.get(name, 0.0) for name in set(features(text))) for text in texts])

    def is_answer(self, texts: Sequence[str]) -> np.ndarray:
        """Whether each text is an answer, [texts]; an empty text is not."""
        said = np.array([bool(text.strip()) for text in texts], bool)
        return said & (self.scores(texts) > 0)


def fit(texts: Sequence[str], labels: Sequence[int]) -> AnswerClassifier:
    """Trains a classifier on texts and their labels, 1 for answers; deterministic.

    Raises:
      UserError: unless there are texts of both labels.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    if set(labels) != {0, 1}:
        raise UserError(f'the classifier needs texts labelled 0 and 1; found {sorted(set(labels)) or "none"}')
    vectorizer = CountVectorizer(analyzer=features, binary=True, min_df=FEWEST_TEXTS)
    counts = vectorizer.fit_transform(texts)
    model = LogisticRegression(C=INVERSE_REGULARISATION, solver='liblinear', max_iter=1000).fit(counts, labels)
    names = vectorizer.get_feature_names_out().tolist()
    return AnswerClassifier(names, model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def features(text: str) -> Iterator[str]:
    """Names of the features of a text."""
    text = text.strip()
    words = re.findall(r'\w+|[^\w\s]', text[:200])[:_WORDS]
    for place, word in enumerate(words):
        yield f'{place} {word.lower()}'
        yield f'{place} {_spelling(word)}'
    for place in range(len(words) - 1):
        yield f'{place} {words[place].lower()} {words[place + 1].lower()}'
    yield f'spelt {" ".join(map(_spelling, words[:3]))}'
    begin = '^' + text[:_LETTERS]
    yield from (f'begins {begin[:length]}' for length in range(2, _LONGEST + 2))
    yield from (f'letters {begin[at : at + 3]}' for at in range(len(begin) - 2))
    yield from _sentence_features(text)


def _sentence_features(text: str) -> Iterator[str]:
    """Features of the first sentence, of the beginning of the next, and of the end of the text."""
    ((sentence, end, others),) = re.findall(r'\A([^.?!:\n]*)([.?!:\n]*)(.*)', text, re.DOTALL)
    length = min(9, len(sentence.split()) // 3)
    next_words = re.findall(r'\w+|[^\w\s]', others[:80])
    yield f'first sentence {end[:1]} {length}'
    yield f'first sentence ends {end[:3]!r}'
    yield f'first sentence ends with {sentence.split()[-1].lower() if sentence.split() else ""}'
    yield from (f'first sentence has {word.lower()}' for word in set(re.findall(r'\w+', sentence)))
    yield from (f'then {place} {word.lower()}' for place, word in enumerate(next_words[:2]))
    yield from (f'then {place} {_spelling(word)}' for place, word in enumerate(next_words[:2]))
    yield f'asks {"?" in text[:200]}'
    yield f'ends {text[-1:] if not text[-1:].isalnum() else "in a word"}, {min(6, len(text.split()) // 8)}'


def _spelling(word: str) -> str:
    """The spelling of a word: capitals, digits or signs."""
    if word.isdigit():
        return 'DIGITS'
    if not word[0].isalnum():
        return f'SIGN{word}'
    return 'CAPITALS' if word.isupper() and len(word) > 1 else 'Capital' if word[0].isupper() else 'small'


def save(classifier: AnswerClassifier, folder: epath.PathLike) -> None:
    """Writes a classifier into a folder."""
    import safetensors.numpy

    folder = epath.Path(folder)
    make_folder(folder)
    arrays = {'weights': classifier.weights_F, 'bias': np.array([classifier.bias])}
    (folder / WEIGHTS_FILE).write_bytes(safetensors.numpy.save(arrays))
    write_whole(folder / WORDS_FILE, json.dumps({'version': VERSION, 'features': list(classifier.features)}))


def load(folder: epath.PathLike) -> AnswerClassifier:
    """Reads a classifier that `save` wrote.

    Raises:
      UserError: if the folder has no classifier, one of another version, or files that do not belong together.
    """
    import safetensors
    import safetensors.numpy

    folder = epath.Path(folder)
    if not (folder / WORDS_FILE).exists() or not (folder / WEIGHTS_FILE).exists():
        raise UserError(f'{folder} contains no classifier; train one with flan-jax ifs train --data=FOLDER')
    try:
        words = json.loads((folder / WORDS_FILE).read_bytes())
        arrays = safetensors.numpy.load((folder / WEIGHTS_FILE).read_bytes())
    except (ValueError, safetensors.SafetensorError) as error:
        raise UserError(f'{folder}: a file of the classifier is damaged ({error}); train it again') from error
    if words.get('version') != VERSION:
        raise UserError(f'{folder}: features of version {words.get("version")}, not {VERSION}; train it again')
    if arrays['weights'].shape != (len(words['features']),):
        raise UserError(f'{folder}: {arrays["weights"].shape} weights for {len(words["features"])} features')
    return AnswerClassifier(words['features'], arrays['weights'], float(arrays['bias'][0]))
