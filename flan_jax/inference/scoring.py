"""Rank classification: how likely a model finds each option after a prompt (FLAN, section 2.3).

Prompt and options share one row. Each option sees the prompt and itself, its positions continuing the prompt's, so the
prompt is computed once however many options there are; only the positions that predict an option's token are projected
onto the vocabulary. Several questions share a row as packed examples do. What all prompts begin with, such as the same
exemplars, is computed once.

Shape letters: B rows, T tokens, K predicted tokens.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.distributed.placement import DEFAULT_DEVICE, Placement
from flan_jax.errors import UserError
from flan_jax.inference.prefill import LENGTHS, PrefixReader, padded_length, shared_prefix
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import PrefixCache
from flan_jax.objectives.next_token import next_token_losses

_SHORTEST_ROW = 128
"""Rows are this long at least, for they hold as many questions as fit."""

_SMALLEST_PREDICTED = 8


class QuestionError(UserError):
    """A question cannot be asked of this model."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A prompt and its options, as token ids; each option ends in EOS where EOS shall count."""

    prompt: np.ndarray
    options: tuple[np.ndarray, ...]

    @property
    def row_tokens(self) -> int:
        """Tokens it takes in a row; the last token of an option is only predicted, never read."""
        return len(self.prompt) + sum(len(option) - 1 for option in self.options)

    @property
    def longest(self) -> int:
        """Tokens that the model must tell apart: the prompt and its longest option."""
        return len(self.prompt) + max(len(option) - 1 for option in self.options)


class Scorer:
    """Scores questions with one model, in batches of few shapes."""

    def __init__(
        self,
        config: DecoderConfig,
        params: Params,
        execution: Execution,
        batch_tokens: int,
        placement: Placement = DEFAULT_DEVICE,
    ):
        """Scores with `params`, about `batch_tokens` tokens at a time."""
        self._config = config
        self._params = params
        self._batch_tokens = batch_tokens
        self._placement = placement
        self._prefixes = PrefixReader(config, params, execution, placement)
        self._log_likelihoods = jax.jit(
            functools.partial(predicted_log_likelihoods, config, execution=execution),
            out_shardings=placement.everywhere,
        )

    def score(
        self, questions: Sequence[Question], progress: Callable[[int], None] = lambda questions: None
    ) -> list[list[np.ndarray]]:
        """The log-likelihood of every token of every option, in nats, in the order of the questions.

        Raises:
          QuestionError: for a question without options, with an empty prompt or option, or too long for the model.
        """
        for question in questions:
            _check(question, self._config)
        scores: list[list[np.ndarray]] = [[] for _ in questions]
        shared = shared_prefix([question.prompt for question in questions])
        prefix = self._prefixes.read(questions[0].prompt[:shared]) if shared else ()
        own = [dataclasses.replace(question, prompt=question.prompt[shared:]) for question in questions]
        for sequence_length, batch in self._batches(own):
            arrays = _arrays(
                [[own[i] for i in row] for row in batch], sequence_length, self._rows(sequence_length), shared
            )
            arrays = self._placement.place(arrays)
            log_likelihoods = np.asarray(self._log_likelihoods(self._params, arrays, prefix))
            for row, values in zip(batch, log_likelihoods):
                _hand_out(row, own, values, scores)
            progress(sum(map(len, batch)))
        return scores

    def _rows(self, sequence_length: int) -> int:
        return self._placement.batch_size(self._batch_tokens // sequence_length)

    def _batches(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[list[int]]]]:
        """Row lengths, and rows of question indices; rows that fill no batch wait for the next length."""
        waiting: list[int] = []
        by_length = sorted(_by_row_length(questions).items())
        for sequence_length, members in by_length:
            rows = _pack([(index, questions[index]) for index in (*waiting, *members)], sequence_length)
            batch_size = self._rows(sequence_length)
            full = len(rows) if sequence_length == by_length[-1][0] else len(rows) // batch_size * batch_size
            for start in range(0, full, batch_size):
                yield sequence_length, rows[start : start + batch_size]
            waiting = [index for row in rows[full:] for index in row]


def predicted_log_likelihoods(
    config: DecoderConfig, params: Params, batch: Mapping, prefix: Sequence[PrefixCache] = (), *, execution: Execution
) -> jax.Array:
    """Log-likelihoods [B, K] of the tokens `labels` [B, K] after the positions `predict_at` [B, K] of each row.

    `batch` also holds tokens, positions, segment_ids and branch_ids, each [B, T]; all prompts continue `before`.
    """
    hidden = decoder.hidden_states(
        config,
        params,
        batch['tokens'],
        batch['positions'],
        batch['segment_ids'],
        batch['branch_ids'],
        execution=execution,
        prefix=prefix,
    )
    hidden_BxKxD = jnp.take_along_axis(hidden, batch['predict_at'][..., None], axis=1)
    return -next_token_losses(decoder.logits(config, params, hidden_BxKxD), batch['labels'])


def _check(question: Question, config: DecoderConfig) -> None:
    if not question.options or not len(question.prompt) or not all(len(option) for option in question.options):
        raise QuestionError('a question needs a prompt and options, none of them empty')
    longest = min(config.max_length, LENGTHS[-1])
    if question.longest > longest or question.row_tokens > LENGTHS[-1]:
        raise QuestionError(
            f'a question of {question.row_tokens} tokens is too long: prompt and longest option may have {longest}, '
            f'prompt and all options {LENGTHS[-1]}'
        )


def _by_row_length(questions: Sequence[Question]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for index, question in enumerate(questions):
        groups.setdefault(padded_length(question.row_tokens, _SHORTEST_ROW), []).append(index)
    return groups


def _pack(members: Sequence[tuple[int, Question]], sequence_length: int) -> list[list[int]]:
    """Rows of question indices, next fit over questions in order of size, so that rows are alike."""
    rows: list[list[int]] = []
    free = 0
    for index, question in sorted(members, key=lambda member: member[1].row_tokens):
        if question.row_tokens > free:
            rows.append([])
            free = sequence_length
        rows[-1].append(index)
        free -= question.row_tokens
    return rows


def _arrays(
    rows: Sequence[Sequence[Question]], sequence_length: int, batch_size: int, first_position: int
) -> dict[str, np.ndarray]:
    """The arrays of a batch, padded to `batch_size` rows and a power of two of predicted tokens."""
    laid_out = [_lay_out(row, first_position) for row in rows]
    most = max(len(labels) for _, _, labels in laid_out)
    predicted = 2 ** math.ceil(math.log2(max(most, _SMALLEST_PREDICTED)))
    batch = {
        name: np.zeros((batch_size, sequence_length), np.int32)
        for name in ('tokens', 'positions', 'segment_ids', 'branch_ids')
    } | {name: np.zeros((batch_size, predicted), np.int32) for name in ('predict_at', 'labels')}
    for index, (columns, predict_at, labels) in enumerate(laid_out):
        for name, column in columns.items():
            batch[name][index, : len(column)] = column
        batch['predict_at'][index, : len(labels)] = predict_at
        batch['labels'][index, : len(labels)] = labels
    return batch


def _lay_out(row: Sequence[Question], start: int):
    """Token columns of a row's questions, whose prompts begin at position `start`.

    Also where each option token is predicted, and what it is.
    """
    columns: dict[str, list[np.ndarray]] = {'tokens': [], 'positions': [], 'segment_ids': [], 'branch_ids': []}
    predict_at, labels, used = [], [], 0

    def place(tokens, first_position, segment, branch):
        nonlocal used
        columns['tokens'].append(tokens)
        columns['positions'].append(first_position + np.arange(len(tokens)))
        columns['segment_ids'].append(np.full(len(tokens), segment))
        columns['branch_ids'].append(np.full(len(tokens), branch))
        used += len(tokens)

    for segment, question in enumerate(row, start=1):
        place(question.prompt, start, segment, 0)
        end_of_prompt = used - 1
        for branch, option in enumerate(question.options, start=1):
            predict_at.append(np.concatenate([[end_of_prompt], used + np.arange(len(option) - 1)]))
            labels.append(option)
            place(option[:-1], start + len(question.prompt), segment, branch)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return joined, np.concatenate(predict_at), np.concatenate(labels)


def _hand_out(row: Sequence[int], questions: Sequence[Question], values: np.ndarray, scores) -> None:
    """Cuts a row's log-likelihoods by question and option."""
    start = 0
    for index in row:
        for option in questions[index].options:
            scores[index].append(values[start : start + len(option)])
            start += len(option)
