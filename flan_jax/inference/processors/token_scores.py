"""The second of three rules: some tokens are always likelier, or less likely (Hewitt et al. 2024, Table 8)."""

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
"""The scores by text (Table 8, in Llama 2's vocabulary). 'What' as Listing 1 and the authors' code have it; the table
prints -3."""


@dataclasses.dataclass(frozen=True)
class TokenScores(Rule):
    """Adds a score to each of some tokens, which are named by their texts.

    Attributes:
      texts: what each of the tokens says in the middle of a text; a space before a word belongs to it.
      scores: of these, one each.
    """

    texts: tuple[Text, ...] = tuple(PAPER)
    scores: tuple[float, ...] = tuple(PAPER.values())

    def check(self) -> None:
        _check_pairs('TokenScores.texts', self.texts, 'TokenScores.scores', self.scores)

    def of_model(self, model):
        """The same with ids; raises UserError for texts for which the vocabulary has no token, or several."""
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
    """Adds a score to each of some tokens, which are named by their ids.

    Attributes:
      ids: of the tokens.
      scores: of these, one each.
    """

    ids: tuple[Annotated[int, AtLeast(0)], ...]
    scores: tuple[float, ...]

    def check(self) -> None:
        _check_pairs('IdScores.ids', self.ids, 'IdScores.scores', self.scores)

    def bias(self, vocabulary_size, generated):
        return jnp.zeros(vocabulary_size).at[jnp.array(self.ids, int)].set(jnp.array(self.scores))


def _check_pairs(name: str, keys: tuple, of_scores: str, scores: tuple[float, ...]) -> None:
    """Raises SettingsError unless every key is there once and has a score."""
    if len(keys) != len(scores):
        raise SettingsError(f'{name} and {of_scores} have {len(keys)} and {len(scores)} entries; give one score each')
    if repeated := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise SettingsError(f'{name}: {repeated[0]!r} stands there twice; one score each')
