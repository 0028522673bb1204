"""A client of a chat model behind an OpenAI-compatible endpoint, with retries and cached replies."""

import concurrent.futures
import dataclasses
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flan_jax.evaluation.endpoint.cost import Estimate, Prices, estimate
from flan_jax.evaluation.endpoint.endpoint import Endpoint
from flan_jax.evaluation.endpoint.pace import Clock, Pace, pause
from flan_jax.evaluation.endpoint.replies import Replies, Reply, request_hash
from flan_jax.evaluation.endpoint.transport import EndpointError, Transient, Transport
from flan_jax.progress import Advance


@dataclasses.dataclass
class Used:
    """Number of requests, and the tokens counted by the server."""

    calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def add(self, usage: Mapping[str, int]) -> None:
        """Counts one more call."""
        self.calls += 1
        self.prompt_tokens += usage.get('prompt_tokens', 0)
        self.answer_tokens += usage.get('completion_tokens', 0)


class Client:
    """Sends requests to one model at one endpoint; after a failure, or Ctrl-C, it sends no more.

    Attributes:
      endpoint: the endpoint.
      used: usage so far, without replies from disk.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        replies: Replies,
        prices: Prices,
        approve: Callable[[Estimate], None],
        clock: Clock | None = None,
    ):
        """Sends no request yet; raises UserError if the key is missing.

        Args:
          endpoint: the endpoint.
          replies: replies on disk, which are not requested again.
          prices: prices of the model.
          approve: called with the estimated cost before the first request; raises to refuse it.
          clock: clock for waiting.
        """
        self.endpoint = endpoint
        self.used = Used()
        self._transport = Transport(endpoint)
        self._replies, self._prices, self._approve = replies, prices, approve
        self._clock = clock or Clock()
        self._pace = Pace(endpoint.requests_per_minute, self._clock)
        self._counting = threading.Lock()

    def recipe(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Everything that replies depend on, except for the questions, for the records."""
        body = self.endpoint.body((), options)
        return {'url': self.endpoint.url, **{name: body[name] for name in body if name != 'messages'}}

    def replies(
        self,
        questions: Sequence[Sequence[Mapping[str, str]]],
        options: Mapping[str, Any],
        progress: Advance = lambda amount=1, note='': None,
    ) -> list[Reply]:
        """The reply to each question, a dialogue of {role, content}; equal questions are sent once.

        Args:
          questions: the dialogues.
          options: fields of the requests, such as temperature and max_tokens.
          progress: called after replies, and with the reasons of delays.

        Raises:
          EndpointError: if the server refuses, or every attempt has failed; earlier replies are on disk.
          UserError: if the length of the answer is not bounded, or `approve` refuses.
        """
        bodies = [self.endpoint.body(messages, options) for messages in questions]
        found = {request_hash(self.endpoint.url, body): body for body in bodies}
        looked_up = {name: self._replies.find(self.endpoint.url, body) for name, body in found.items()}
        known = {name: reply for name, reply in looked_up.items() if reply is not None}
        missing = {name: body for name, body in found.items() if name not in known}
        if missing:
            self._approve(estimate(missing.values(), len(known), self._prices))
        progress(len(bodies) - len(missing))
        return self._in_order(bodies, known | self._asked(missing, progress))

    def _in_order(self, bodies, replies: Mapping[str, Reply]) -> list[Reply]:
        return [replies[request_hash(self.endpoint.url, body)] for body in bodies]

    def _asked(self, bodies: Mapping[str, Mapping[str, Any]], progress: Advance) -> dict[str, Reply]:
        with concurrent.futures.ThreadPoolExecutor(self.endpoint.parallel) as pool:
            waiting = {pool.submit(self._ask, body, progress): name for name, body in bodies.items()}
            try:
                replies = {}
                for future in concurrent.futures.as_completed(waiting):
                    replies[waiting[future]] = future.result()
                    progress(1)
                return replies
            except BaseException:  # running requests are paid for, so their replies are kept; no others are started
                self._clock.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                progress(0, 'stopping: waiting for open requests, whose replies are kept')
                raise

    def _ask(self, body: Mapping[str, Any], progress: Advance) -> Reply:
        """Sends a request until there is an answer, and writes it to disk."""
        for failures in itertools.count(1):
            self._pace.wait()
            try:
                reply = self._transport.ask(body)
                break
            except Transient as error:
                if failures >= self.endpoint.attempts:
                    raise EndpointError(
                        f'{self.endpoint.url}: {failures} attempts failed, the last with: {error}; replies so far '
                        'are kept; run the same command again to resume'
                    ) from None
                seconds = pause(failures, error.after)
                progress(0, f'retry in {seconds:.0f} s: {error}')
                self._clock.sleep(seconds)
        self._replies.keep(self.endpoint.url, body, reply)
        with self._counting:
            self.used.add(reply.usage)
        return reply
