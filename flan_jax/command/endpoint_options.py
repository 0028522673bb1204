"""Options of commands that query a model behind an endpoint, and the client made from them."""

import argparse
import contextlib
import json
from collections.abc import Iterator

from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE

_DEFAULT_CACHE = 'endpoint'
"""Folder of replies below ~/.cache/flan_jax."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for the endpoint's address, its requests and its prices."""
    group = parser.add_argument_group('a model behind an OpenAI-compatible endpoint')
    group.add_argument('--endpoint', metavar='URL', help='base URL of the API, such as http://127.0.0.1:8000/v1')
    group.add_argument('--endpoint_model', metavar='NAME', help='name of the model in the API')
    group.add_argument(
        '--prices', nargs=2, type=float, metavar=('PROMPT', 'ANSWER'),
        help='prices of a million prompt tokens and of a million answer tokens; 0 0 for your own server',
    )  # fmt: skip
    group.add_argument(
        '--confirm_cost',
        action='store_true',
        help='send the requests; without it, only their estimated cost is printed',
    )
    group.add_argument('--key_variable', default='', metavar='NAME', help='environment variable that holds the API key')
    group.add_argument('--requests_per_minute', type=float, default=60.0, help='maximum rate of requests (default: 60)')
    group.add_argument('--parallel', type=int, default=4, help='number of concurrent requests (default: 4)')
    group.add_argument('--attempts', type=int, default=6, help='maximum number of attempts per request (default: 6)')
    group.add_argument('--cache', metavar='FOLDER', help='cache of replies (default: in ~/.cache/flan_jax)')
    group.add_argument(
        '--endpoint_options', type=_object, default={}, metavar='JSON',
        help='additional fields of every request, such as {"max_completion_tokens": 1024, "max_tokens": null}',
    )  # fmt: skip


def require_endpoint(options: argparse.Namespace) -> None:
    """Raises UserError if any of these arguments is given without an endpoint."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    unset = vars(parser.parse_args([]))
    given = [name for name, value in unset.items() if getattr(options, name) != value]
    if given and not options.endpoint:
        names = ', '.join(f'--{name}' for name in given)
        raise UserError(f'{names}: only applies with --endpoint=URL; add it, or remove this option')


@contextlib.contextmanager
def client(options: argparse.Namespace) -> Iterator:
    """A context with a client; prints the requests and their cost when it ends.

    Raises:
      UserError: if an option is missing or has a value that is not allowed (SettingsError).
    """
    from flan_jax.evaluation.endpoint.client import Client
    from flan_jax.evaluation.endpoint.cost import Prices
    from flan_jax.evaluation.endpoint.endpoint import Endpoint
    from flan_jax.evaluation.endpoint.replies import Replies
    from flan_jax.files import cache_folder

    if not options.endpoint_model:
        raise UserError('--endpoint_model is missing; set it to the name of the model on the server')
    if options.prices is None:
        raise UserError(
            '--prices is missing; set the prices of a million prompt tokens and of a million answer '
            'tokens, or 0 0 for your own server'
        )
    endpoint = Endpoint(
        url=options.endpoint,
        model=options.endpoint_model,
        key_variable=options.key_variable,
        options=options.endpoint_options,
        requests_per_minute=options.requests_per_minute,
        parallel=options.parallel,
        attempts=options.attempts,
    )
    prices = Prices(prompt=options.prices[0], answer=options.prices[1])
    replies = Replies(options.cache or cache_folder(_DEFAULT_CACHE))
    made = Client(endpoint, replies, prices, _approve(options.confirm_cost))
    try:
        yield made
    finally:
        _tell(made.used, prices)


def _approve(confirmed: bool):
    """A function that prints a cost estimate, and raises UserError unless the cost was confirmed."""

    def approve(estimate) -> None:
        CONSOLE.print(
            f'{estimate.calls} requests to send, {estimate.known} replies in the cache; estimated cost: '
            f'{estimate.likely:.4g}, at most {estimate.most:.4g}, in the currency of --prices'
        )
        if not confirmed:
            raise UserError('no request was sent; add --confirm_cost to send them')

    return approve


def _tell(used, prices) -> None:
    if not used.calls:
        return
    cost = prices.cost(used.prompt_tokens, used.answer_tokens)
    counted = f'{used.prompt_tokens} prompt tokens, {used.answer_tokens} answer tokens, cost {cost:.4g}'
    has_counts = used.prompt_tokens or used.answer_tokens
    CONSOLE.print(f'{used.calls} replies: {counted if has_counts else "the server does not report token counts"}')


def _object(text: str) -> dict:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f'is not JSON: {error}') from error
    if not isinstance(found, dict) or {'model', 'messages', 'stream', 'n'} & found.keys():
        raise argparse.ArgumentTypeError('must be a JSON object, without model, messages, stream or n')
    return found
