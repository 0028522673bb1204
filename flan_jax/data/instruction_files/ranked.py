"""A prompt with several responses and a score for each: rankings and sampled answers.

Rows of RRHF (query, responses, scores), UltraFeedback (instruction, completions of {response, overall_score}), Nectar
(prompt, answers of {answer, rank}) and GPT-4-LLM (user_input, responses_and_scores) can be read directly. GPT-4-LLM's
prompts are in Alpaca's format, which is removed, so that the run's prompt format replaces it.
"""

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from flan_jax.data.example_files import ExampleError
from flan_jax.data.instruction_files.conversation import (
    INSTRUCTION,
    USER_INPUT,
    Conversation,
    conversation_with,
    first_key,
    prompt_and_input,
    prompt_messages,
    text_of,
)

KEYS = 'prompt, a text or messages; responses, texts or messages; scores, numbers, which may stand in the responses'

PROMPTS = ('prompt', 'query', INSTRUCTION, USER_INPUT, 'messages', 'conversations')
OF_GPT4LLM = 'responses_and_scores'
RESPONSES = ('responses', 'completions', 'answers', OF_GPT4LLM)
_TEXTS = ('response', 'answer', 'content', 'value', 'text')
_SCORES = ('score', 'overall_score')

FEWEST, MOST = 2, 64
"""Maximal number of responses to a prompt."""


def read(where: str, row: Mapping[str, Any]) -> Conversation:
    """The conversation of a row, its best response first; raises ExampleError."""
    prompt, responses = (first_key(row, names) for names in (PROMPTS, RESPONSES))
    if prompt is None or responses is None or not isinstance(row[responses], list):
        raise ExampleError(f'{where}: expected {KEYS}; the keys are {", ".join(map(str, row)) or "none"}')
    alone = responses == OF_GPT4LLM and len(row[responses]) == 1  # a tie with itself, which preparation counts
    if not (alone or FEWEST <= len(row[responses]) <= MOST):
        raise ExampleError(f'{where}: {responses} has {len(row[responses])} entries; {FEWEST} to {MOST} can be ranked')
    texts = [_text(f'{where}, {responses} {n}', entry) for n, entry in enumerate(row[responses], start=1)]
    scores = _scores(where, row, row[responses])
    best = max(range(len(texts)), key=scores.__getitem__)
    order = [best, *(index for index in range(len(texts)) if index != best)]
    asked, context = prompt_and_input(row[prompt]) if prompt == USER_INPUT else (row[prompt], '')
    if prompt == INSTRUCTION:
        context = text_of(where, row, 'input', default='')
    found = conversation_with(where, prompt_messages(asked), [texts[i] for i in order], [scores[i] for i in order])
    return dataclasses.replace(found, input=context)


def _text(where: str, entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping):
        raise ExampleError(f'{where}: expected a text or a message, found {entry!r}')
    return text_of(where, entry, first_key(entry, _TEXTS) or _TEXTS[0])


def _scores(where: str, row: Mapping[str, Any], responses: list[Any]) -> list[float]:
    """A score for each response, higher for better: from `scores`, from the responses, or from their ranks."""
    found = row.get('scores')
    if found is None:
        found = [_score(f'{where}, response {n}', entry) for n, entry in enumerate(responses, start=1)]
    if not isinstance(found, list) or len(found) != len(responses):
        raise ExampleError(f'{where}: scores={found!r} must hold a number for each of {len(responses)} responses')
    for score in found:
        if isinstance(score, bool) or not isinstance(score, (int, float)) or not math.isfinite(score):
            raise ExampleError(f'{where}: score {score!r} is not a finite number')
    return [float(score) for score in found]


def _score(where: str, entry: Any) -> Any:
    if isinstance(entry, Mapping):
        if (name := first_key(entry, _SCORES)) is not None:
            return _number(entry[name])
        if isinstance(entry.get('rank'), (int, float)):
            return -entry['rank']  # the first rank is the best
    raise ExampleError(f'{where}: no score; give scores beside the responses, or score or rank in each of them')


def _number(score: Any) -> Any:
    """A score as a number; GPT-4-LLM has some scores as texts."""
    with contextlib.suppress(ValueError):
        return float(score) if isinstance(score, str) else score
    return score
