"""The settings of packing: how examples share sequences."""

import dataclasses

from flan_jax.settings import SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """How examples are packed into rows.

    Attributes:
      directory: where streams are kept, one folder per fingerprint.
      sequence_length: tokens in a row.
      input_length: inputs are cut to this many tokens, EOS included (FLAN, section 2.4: 1,024).
      target_length: targets are cut to this many tokens, EOS included (256).
      targets_per_sequence: target tokens in a row at most; None for no bound. The step projects that many positions of a
        row onto the vocabulary, so a bound near the mixture's share of targets saves time and memory.
      window: rows that are open for packing at a time.
      seed: seed of the mixing, the shuffling and the choice of templates.
    """

    directory: str
    sequence_length: int = 2048
    input_length: int = 1024
    target_length: int = 256
    targets_per_sequence: int | None = None
    window: int = 128
    seed: int = 0

    def __post_init__(self):
        if min(self.input_length, self.target_length) < 2 or self.window < 1:
            raise SettingsError('Stream: input_length and target_length must be at least 2, window at least 1')
        if self.input_length + self.target_length > self.sequence_length:
            raise SettingsError(
                f'an example of up to input_length={self.input_length} + target_length={self.target_length} tokens '
                f'does not fit sequence_length={self.sequence_length}; lengthen SEQUENCE_LENGTH, or shorten INPUT_LENGTH or '
                'TARGET_LENGTH'
            )

        if self.max_targets < self.target_length:
            raise SettingsError(
                f'TARGETS_PER_SEQUENCE={self.targets_per_sequence} is less than the TARGET_LENGTH={self.target_length} of one '
                'example; raise it, or shorten TARGET_LENGTH'
            )

    @property
    def max_targets(self) -> int:
        """Target tokens in a row at most."""
        return (
            self.sequence_length
            if self.targets_per_sequence is None
            else min(self.targets_per_sequence, self.sequence_length)
        )

    @property
    def lengths(self) -> dict[str, int]:
        """Feature name to length, as SeqIO wants it."""
        return {'inputs': self.input_length, 'targets': self.target_length}
