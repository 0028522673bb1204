"""The settings of packing: how examples share sequences."""

import dataclasses
from typing import Annotated

from flan_jax.settings import AtLeast, Count, Path, Settings, SettingsError

TokenAndEos = Annotated[int, AtLeast(2)]
"""A length with room for at least one token and the EOS."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream(Settings):
    """How examples are packed into sequences.

    Attributes:
      directory: folder of streams, one subfolder per fingerprint; runs may share it.
      sequence_length: tokens in a sequence.
      input_length: maximal tokens of a prompt, EOS included; longer prompts are shortened (FLAN, section 2.4: 1,024).
      target_length: maximal tokens of a target, EOS included; longer targets are truncated, without EOS (256).
      targets_per_sequence: maximal target tokens in a sequence; None for no bound. A step projects this many positions
        of each sequence onto the vocabulary, so a bound near the mixture's share of targets (an eighth of FLAN's
        tokens) saves time and memory.
      window: number of open sequences while packing.
      seed: seed of mixing, shuffling and the choice of templates.
      epochs: number of times that every training example of every dataset is read, regardless of the mixture's rates;
        the number of steps follows from it. None for an endless mixture, of which `Training.steps` are read.
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
        """Maximal tokens of an example."""
        return self.input_length + self.target_length

    @property
    def max_targets(self) -> int:
        """Maximal target tokens in a sequence."""
        return min(self.targets_per_sequence or self.sequence_length, self.sequence_length)

    @property
    def lengths(self) -> dict[str, int]:
        """Lengths by feature, as SeqIO's `sequence_length`."""
        return {'inputs': self.input_length, 'targets': self.target_length}
