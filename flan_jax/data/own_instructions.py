"""A user's instruction files as datasets of the catalogue.

The declaration of such a dataset is stored in the metadata of its prepared examples, so that both exist together, and
every command that reads the folder of prepared data finds it (`declare_prepared`).
"""

from __future__ import annotations  # TensorFlow is imported when a row is read

import dataclasses

import numpy as np
import tensorflow_datasets as tfds
from etils import epath, epy

from flan_jax import catalogue
from flan_jax.catalogue.declaration import (
    Cluster,
    Dataset,
    DeclarationError,
    Dialogue,
    FreeText,
    Keep,
    MetricName,
    Ranking,
    Splits,
    Tail,
    Template,
    TfdsExample,
)
from flan_jax.catalogue.identity import INSTRUCTIONS
from flan_jax.files import DamagedFile, read_json

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(name=INSTRUCTIONS, title='Instruction following')
"""The cluster of all such datasets."""

DECLARATION_KEY = 'flan_jax_declaration'
"""Key of the declaration in a prepared dataset's metadata."""

FEATURES = {
    'system': tfds.features.Text(),
    'history': tfds.features.Sequence(tfds.features.Text()),
    'instruction': tfds.features.Text(),
    'input': tfds.features.Text(),
    'response': tfds.features.Text(),
    'rejected': tfds.features.Sequence(tfds.features.Text()),
}
"""The features of `Conversation` on disk."""


RANKED_FEATURES = FEATURES | {'scores': tfds.features.Sequence(np.float32)}
"""The features of `Conversation` on disk if its answers have scores."""


def all_answers(ex: TfdsExample) -> tf.Tensor:
    """The response and the others, in the order of their scores' places."""
    return tf.concat([[ex['response']], ex['rejected']], 0)


def answers(ex: TfdsExample) -> tf.Tensor:
    """Whether the response of an example says anything."""
    return tf.strings.length(tf.strings.strip(ex['response'])) > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instructions:
    """The declaration of a dataset that is made from instruction files.

    Attributes:
      name: name of the dataset.
      train_examples: number of training examples, from the first on; None for all.
      test_examples: number of training examples, from the last back, that become the test split; 0 if that has a file,
        or there is none.
      validation_share: share of the training examples, at equal distances, that become the validation split; 0.0 if
        that has a file, or there is none.
      metrics: how answers are judged.
      licence: the terms of the data.
      citation: the publication to cite.
      responses: maximal number of responses per prompt, if they have scores; otherwise 0.
    """

    name: str
    train_examples: int | None = None
    test_examples: int = 0
    validation_share: float = 0.0
    metrics: tuple[MetricName, ...] = ('rouge',)
    licence: str = 'not stated'
    citation: str = 'not stated'
    responses: int = 0

    @property
    def dataset(self) -> Dataset:
        """The dataset for the catalogue."""
        return Dataset(
            name=self.name,
            cluster=CLUSTER,
            paper_name='',
            source=f'{self.name}:1.0.0',
            splits=Splits(
                validation='validation',
                test=Tail(self.test_examples) if self.test_examples else 'test',
                train_examples=self.train_examples,
            ),
            fields={'instruction': 'instruction', 'input': 'input'},
            answer=FreeText(answer='response'),
            templates=(Template('{instruction}\n\n{input}'),),
            metrics=self.metrics,
            licence=self.licence,
            citation=self.citation,
            keep=Keep('An empty response teaches nothing.', answers),
            dialogue=Dialogue(history='history', system='system', context='input'),
            ranking=Ranking(responses=all_answers, scores='scores', most=self.responses) if self.responses else None,
            features=RANKED_FEATURES if self.responses else FEATURES,
        )


UNFINISHED = 'incomplete.'
"""Prefix of folders in which TFDS is writing, or was killed."""

_DECLARED: dict[str, Instructions] = {}
"""The datasets that `declare_prepared` has added to the catalogue."""


def declare_prepared(data_dir: str) -> None:
    """Adds the datasets that were made from instruction files, in a folder of prepared data, to the catalogue.

    Raises:
      DeclarationError: if the catalogue has another dataset of the same name.
    """
    for path in sorted(epath.Path(data_dir).glob('*/*/metadata.json')):
        instructions = None if path.parent.name.startswith(UNFINISHED) else _declared_in(path)
        if instructions is None:
            continue
        name = instructions.name
        if _DECLARED.get(name) == instructions:
            continue
        if name in catalogue.DATASETS and name not in _DECLARED:
            raise DeclarationError(
                f'{path} declares {name!r}, which is the name of another dataset; prepare it under another name'
            )
        catalogue.DATASETS.pop(name, None)
        catalogue.add(instructions.dataset)
        _DECLARED[name] = instructions


def is_declared(name: str) -> bool:
    """Whether a dataset of the catalogue was added by `declare_prepared`."""
    return name in _DECLARED


def _declared_in(path: epath.Path) -> Instructions | None:
    """The declaration in a prepared dataset's metadata; raises UserError if it is damaged."""
    advice = f'remove {path.parent} and prepare the dataset again'
    content = read_json(path, advice).get(DECLARATION_KEY)
    if content is None:
        return None
    try:
        instructions = Instructions(**content | {'metrics': tuple(content['metrics'])})
        instructions.dataset  # noqa: B018  checks the declaration
    except (TypeError, KeyError, ValueError) as error:
        raise DamagedFile(f'{path} is damaged: {DECLARATION_KEY}: {error}; {advice}') from error
    return instructions
