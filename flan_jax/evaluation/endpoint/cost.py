"""The estimated cost of questions, before any is sent.

Prices are given by the user, since they change and differ between servers. The server's tokenizer is not known, so
numbers of tokens are bounded by numbers of bytes: each token has at least one byte.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from flan_jax.errors import UserError
from flan_jax.settings import AtLeast, Settings

BYTES_PER_TOKEN = 4
"""Approximate value for English text; Chinese has fewer."""

TOKENS_AROUND_MESSAGE = 8
"""Allowance for the tokens that chat templates add to each message."""

LONGEST = ('max_tokens', 'max_completion_tokens')
"""Fields of requests that limit the tokens of the answer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prices(Settings):
    """Prices per million tokens, in any currency.

    Attributes:
      prompt: price of input tokens.
      answer: price of output tokens.
    """

    prompt: Annotated[float, AtLeast(0)]
    answer: Annotated[float, AtLeast(0)]

    def cost(self, prompt_tokens: float, answer_tokens: float) -> float:
        """The cost of these numbers of tokens."""
        return (self.prompt * prompt_tokens + self.answer * answer_tokens) / 1e6


@dataclasses.dataclass(frozen=True)
class Estimate:
    """The number of requests and their estimated cost.

    Attributes:
      calls: requests to be sent.
      known: requests whose replies are on disk already.
      likely: cost with `BYTES_PER_TOKEN`, and answers of full length.
      most: cost with one token per byte, without retries, which servers rarely charge for.
    """

    calls: int
    known: int
    likely: float
    most: float


def estimate(bodies: Iterable[Mapping[str, Any]], known: int, prices: Prices) -> Estimate:
    """The cost of requests that are still to be sent.

    Raises:
      UserError: if a request does not limit the length of its answer.
    """
    sizes = [(_bytes(body), len(body['messages']) * TOKENS_AROUND_MESSAGE, longest_answer(body)) for body in bodies]
    read, around, written = map(sum, zip(*sizes)) if sizes else (0, 0, 0)
    likely = prices.cost(read / BYTES_PER_TOKEN + around, written)
    return Estimate(len(sizes), known, likely, prices.cost(read + around, written))


def longest_answer(body: Mapping[str, Any]) -> int:
    """The maximal tokens of an answer to a request; raises UserError if the request has no limit."""
    found = next((body[name] for name in LONGEST if body.get(name) is not None), None)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise UserError(f'max_tokens={found!r}: must be an integer of at least 1, to bound the cost')
    return found


def _bytes(body: Mapping[str, Any]) -> int:
    return sum(len(message['content'].encode()) for message in body['messages'])
