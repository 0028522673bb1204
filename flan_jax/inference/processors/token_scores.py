"""The second of three rules: constant scores for some tokens (Hewitt et al. 2024, Table 8)."""

import dataclasses
from typing import Annotated

import jax.numpy as jnp

from flan_jax.errors import UserError
from flan_jax.inference.processors.rule import Rule
from flan_jax.settings import AtLeast, SettingsError, Text
from flan_jax.tokenizers.vocabulary import TokenTextError

DISCOURAGED = {'<': -4.0, ' <': -4.0, '|': -4.0, ' I': -5.0, 'I': -5.0, ' We': -3.0, 'What': -5.0, ' should': -6.0}
ENCOURAGED = dict.fromkeys((' *', ' -', '   ', ' #', ' ##', '\n', '!'), 1.0)
PAPER = DISCOURAGED | ENCOURAGED
"""The scores by text (Table 8, for Llama 2's vocabulary). 'What' is as in Listing 1 and the authors' code; the table
prints -3."""


@dataclasses.dataclass(frozen=True)
class TokenScores(Rule):
    """Adds a score to each of several tokens, given by their texts.

    Attributes:
      texts: the text of each token within a longer text; a space before a word is part of it.
      scores: a score for each text.
    """

    texts: tuple[Text, ...] = tuple(PAPER)
    scores: tuple[float, ...] = tuple(PAPER.values())

    def check(self) -> None:
        _check_pairs('TokenScores.texts', self.texts, 'TokenScores.scores', self.scores)

    def of_model(self, model):
        """The same scores by id; raises UserError for texts that are not exactly one token of the vocabulary."""
        ids, refused = [], []
        for text in self.texts:
            try:
                ids.append(model.vocabulary.token_id(text))
            except TokenTextError as error:
                refused.append(str(error))
        if refused:
            raise UserError(
                f'TokenScores.texts: {"; ".join(refused)}; leave those texts out, with their scores in '
                'TokenScores.scores, or name tokens of this vocabulary'
            )
        return IdScores(tuple(ids), self.scores)

    def bias(self, vocabulary_size, generated):
        raise TypeError('texts have no ids before `of_model`')


@dataclasses.dataclass(frozen=True)
class IdScores(Rule):
    """Adds a score to each of several tokens, given by their ids.

    Attributes:
      ids: ids of the tokens.
      scores: a score for each id.
    """

    ids: tuple[Annotated[int, AtLeast(0)], ...]
    scores: tuple[float, ...]

    def check(self) -> None:
        _check_pairs('IdScores.ids', self.ids, 'IdScores.scores', self.scores)

    def bias(self, vocabulary_size, generated):
        return jnp.zeros(vocabulary_size).at[jnp.array(self.ids, int)].set(jnp.array(self.scores))


def _check_pairs(name: str, keys: tuple, scores_name: str, scores: tuple[float, ...]) -> None:
    """Raises SettingsError unless keys are distinct and each has a score."""
    if len(keys) != len(scores):
        raise SettingsError(f'{name} and {scores_name} have {len(keys)} and {len(scores)} entries; give one score each')
    if repeated := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise SettingsError(f'{name}: {repeated[0]!r} stands there twice; one score each')
