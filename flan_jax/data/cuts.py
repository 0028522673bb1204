"""Counts of examples that are cut or dropped because of their length."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.seqio_tasks import training_task
from flan_jax.data.tokenized import BRANCHES, INPUTS_CUT, INPUTS_FIT, TARGETS, TARGETS_CUT, WEIGHTS
from flan_jax.tokenizers.vocabulary import Vocabulary


@dataclasses.dataclass
class Cuts:
    """Counts of examples and tokens.

    Attributes:
      examples: sampled examples, including dropped ones.
      shortened: examples whose long fields were shortened to make the prompt fit.
      dropped: examples whose prompts do not fit even so, which are not trained on.
      targets_cut: examples with truncated targets (any of several responses), which have no EOS, or lack whole turns.
      target_tokens: tokens of the targets of all examples that are not dropped.
      target_tokens_cut: tokens of truncated targets.
    """

    examples: int = 0
    shortened: int = 0
    dropped: int = 0
    targets_cut: int = 0
    target_tokens: int = 0
    target_tokens_cut: int = 0

    def keep(self, example: Mapping[str, Any]) -> bool:
        """Counts a tokenised example and returns whether it is trained on; without features of cuts it is uncut."""
        self.examples += 1
        if not example.get(INPUTS_FIT, True):
            self.dropped += 1
            return False
        self.shortened += bool(example.get(INPUTS_CUT, False))
        targets = len(example[BRANCHES] if BRANCHES in example else example[TARGETS])
        learned = int(np.sum(example[WEIGHTS])) if WEIGHTS in example else targets
        self.target_tokens += learned
        if example.get(TARGETS_CUT, False):
            self.targets_cut += 1
            self.target_tokens_cut += learned
        return True


def cuts_of(
    dataset: Dataset,
    vocabulary: Vocabulary,
    lengths: Mapping[str, int],
    data_dir: str,
    limit: int = -1,
    prompt_format: PromptFormat = Flan(),
) -> Cuts:
    """The cuts of a dataset's training examples in random templates, of the first `limit` unless it is negative.

    Raises:
      MissingDataError: if the dataset has no training examples in `data_dir`.
    """
    task = training_task(dataset, vocabulary, data_dir, prompt_format=prompt_format)
    cuts = Cuts()
    for example in read_examples(task, lengths, split='train', seed=0).take(limit).as_numpy_iterator():
        cuts.keep(example)
    return cuts
