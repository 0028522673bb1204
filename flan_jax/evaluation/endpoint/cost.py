"""What questions will cost, before any is asked.

Prices are the user's to give: they change, and differ from one server to the next. The server's tokenizer is not
known, so tokens are bounded by bytes: a vocabulary of byte pairs has no token of less than one.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from flan_jax.errors import UserError
from flan_jax.settings import AtLeast, Settings

BYTES_PER_TOKEN = 4
"""Of English text, about; Chinese has fewer."""

TOKENS_AROUND_MESSAGE = 8
"""Room for what stands around each message."""

LONGEST = ('max_tokens', 'max_completion_tokens')
"""What requests call the tokens of the longest answer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prices(Settings):
    """What a million tokens cost, in any currency.

    Attributes:
      prompt: tokens that are read.
      answer: tokens that are written.
    """

    prompt: Annotated[float, AtLeast(0)]
    answer: Annotated[float, AtLeast(0)]

    def cost(self, prompt_tokens: float, answer_tokens: float) -> float:
        """What so many tokens cost."""
        return (self.prompt * prompt_tokens + self.answer * answer_tokens) / 1e6


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What will be asked, and what it will cost.

    Attributes:
      calls: requests that will be made.
      known: requests whose replies are on disk already.
      likely: the cost at `BYTES_PER_TOKEN`, with answers at full length.
      most: the cost at a token a byte; retries, which servers rarely charge for, come on top.
    """

    calls: int
    known: int
    likely: float
    most: float


def estimate(bodies: Iterable[Mapping[str, Any]], known: int, prices: Prices) -> Estimate:
    """The cost of requests that are still to be made.

    Raises:
      UserError: for a request that does not bound its answer.
    """
    sizes = [(_bytes(body), len(body['messages']) * TOKENS_AROUND_MESSAGE, longest_answer(body)) for body in bodies]
    read, around, written = map(sum, zip(*sizes)) if sizes else (0, 0, 0)
    likely = prices.cost(read / BYTES_PER_TOKEN + around, written)
    return Estimate(len(sizes), known, likely, prices.cost(read + around, written))


def longest_answer(body: Mapping[str, Any]) -> int:
    """Tokens of the longest answer that a request allows; raises UserError where it says none."""
    found = next((body[name] for name in LONGEST if body.get(name) is not None), None)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise UserError(f'max_tokens={found!r}: must be an integer of at least 1, to bound the cost')
    return found


def _bytes(body: Mapping[str, Any]) -> int:
    return sum(len(message['content'].encode()) for message in body['messages'])
