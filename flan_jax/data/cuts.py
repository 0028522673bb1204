"""How much is cut: counted while a stream is packed, and for every dataset by `flan-jax tasks lengths`."""

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
      examples: examples sampled, dropped ones among them.
      shortened: examples whose long fields lost words, so that all else of their prompts fits.
      dropped: examples whose prompts do not fit even so, which are not trained on.
      targets_cut: examples whose targets (of several responses, any) go on after their tokens, which therefore do not
        end, or lack whole turns.
      target_tokens: tokens of the targets of all examples that are not dropped.
      target_tokens_cut: those of them that belong to targets that are cut.
    """

    examples: int = 0
    shortened: int = 0
    dropped: int = 0
    targets_cut: int = 0
    target_tokens: int = 0
    target_tokens_cut: int = 0

    def keep(self, example: Mapping[str, Any]) -> bool:
        """Counts a tokenised example; whether it is trained on. One that says nothing of cuts counts as whole."""
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
    """What is cut of a dataset's training examples in random templates, at most `limit` of them unless it is negative.

    Raises:
      MissingDataError: if the dataset has no training examples in `data_dir`.
    """
    task = training_task(dataset, vocabulary, data_dir, prompt_format=prompt_format)
    cuts = Cuts()
    for example in read_examples(task, lengths, split='train', seed=0).take(limit).as_numpy_iterator():
        cuts.keep(example)
    return cuts
