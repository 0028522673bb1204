"""Checks whether the examples of a file fit the length of `flan-jax tune`, before anything is prepared."""

import itertools
import math
import pathlib
from collections.abc import Mapping
from types import ModuleType

import numpy as np

from flan_jax.command.tune_gin import Tuned
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.instruction_files.detected import conversations
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.tokenizers.vocabulary import Vocabulary

LOOKED_AT = 200
"""Number of examples to check, from the beginning of the file."""

MOST_CUT = 0.5
"""Largest share of them that may be cut or left out; beyond it the length is refused."""

FITTING = 0.9
"""Share of them that fit the length that the error message proposes."""


def require_length(
    tuned: Tuned, path: pathlib.Path, made: ModuleType, keys: Mapping[str, str], vocabulary: str
) -> None:
    """Prints the share of examples that exceed the length.

    Earlier turns of dialogues are not counted, so that the true share may be larger.

    Args:
      tuned: the settings.
      path: the file.
      made: its format.
      keys: see `format_of_file`.
      vocabulary: path of the vocabulary.

    Raises:
      UserError: if more than `MOST_CUT` are cut or left out and a longer length, within what the model was trained on,
        would help; or if the prompt format cannot represent an example.
    """
    tokens = Vocabulary(vocabulary)
    learned = (said for said in conversations(path, made, keys) if said.response.strip())
    needed = np.array([_needed(said, tuned, tokens) for said in itertools.islice(learned, LOOKED_AT)])
    share = float(np.mean(needed > tuned.sequence_length)) if needed.size else 0.0
    if not share:
        return
    parts = (
        f'of the first {len(needed)} examples at least {100 * share:.0f} % would be cut or left out: a prompt may have '
        f'{tuned.input_length} tokens, and each of up to {tuned.responses} answers {tuned.target_length}'
    )
    proposed = math.ceil(np.quantile(needed, FITTING, method='higher') / 32) * 32
    if share > MOST_CUT and proposed <= tuned.base.config.trained_length:
        raise UserError(f'--length={tuned.sequence_length}: {parts}; --length={proposed} holds nine in ten')
    CONSOLE.print(f'--length={tuned.sequence_length}: {parts}', markup=False)


def _needed(said: Conversation, tuned: Tuned, vocabulary: Vocabulary) -> int:
    """The shortest sequence length in tokens, half of which holds the prompt and half its longest answer."""
    context, system = said.input.strip(), said.system.strip()
    answers = (said.response, *(said.rejected if tuned.objective.ranked else ()))
    encoded = [
        tuned.prompt_format.encode_asked(vocabulary, Dialogue(said.question, answer.strip(), (), system, context))
        for answer in answers
    ]
    return 2 * max(len(encoded[0].prompt), tuned.responses * max(len(each.response) for each in encoded))
