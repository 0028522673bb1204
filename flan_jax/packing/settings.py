"""The settings of packing: how examples share sequences."""

import dataclasses
from typing import Annotated

from flan_jax.settings import AtLeast, Count, Path, Settings, SettingsError

TokenAndEos = Annotated[int, AtLeast(2)]
"""A length that leaves room for a token beside the EOS."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream(Settings):
    """How examples are packed into sequences.

    Attributes:
      directory: where streams are kept, one folder per fingerprint; runs may share it.
      sequence_length: tokens in a sequence.
      input_length: prompts are shortened to this many tokens, EOS included (FLAN, section 2.4: 1,024).
      target_length: targets of more tokens, EOS included, are cut after this many and do not end (256).
      targets_per_sequence: target tokens in a sequence at most; None for no bound. The step projects that many
        positions of a sequence onto the vocabulary, so a bound near the mixture's share of targets (an eighth of FLAN's
        tokens) saves time and memory.
      window: sequences that are open for packing at a time.
      seed: seed of the mixing, the shuffling and the choice of templates.
      epochs: every training example of every dataset is read so many times, whatever the rates of a mixture, and the
        stream ends; the steps follow from it. None for an endless mixture of which `Training.steps` says how much.
    """

    directory: Path = 'out/streams'
    sequence_length: Count = 2048
    input_length: TokenAndEos = 1024
    target_length: TokenAndEos = 256
    targets_per_sequence: Count | None = 512
    window: Count = 128
    seed: Annotated[int, AtLeast(0)] = 0
    epochs: Count | None = None

    def check(self) -> None:
        if self.example_length > self.sequence_length:
            raise SettingsError(
                f'Stream.sequence_length={self.sequence_length} cannot hold an example of up to '
                f'Stream.input_length={self.input_length} and Stream.target_length={self.target_length} tokens; '
                'lengthen Stream.sequence_length, or shorten one of the others'
            )
        if self.max_targets < self.target_length:
            raise SettingsError(
                f'Stream.targets_per_sequence={self.targets_per_sequence} is less than the '
                f'Stream.target_length={self.target_length} of one example; raise it, or shorten Stream.target_length'
            )

    @property
    def example_length(self) -> int:
        """Tokens of the longest example."""
        return self.input_length + self.target_length

    @property
    def max_targets(self) -> int:
        """Target tokens in a sequence at most."""
        return min(self.targets_per_sequence or self.sequence_length, self.sequence_length)

    @property
    def lengths(self) -> dict[str, int]:
        """Feature name to length, as SeqIO wants it."""
        return {'inputs': self.input_length, 'targets': self.target_length}
