"""Evaluates one model on examples: ranks options or generates answers, as records (FLAN, sections 2.3 and 3)."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flan_jax.evaluation.eval_set import EvalExample
from flan_jax.evaluation.option_scores import option_scores
from flan_jax.evaluation.records import RecordKey
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.sampling import Greedy
from flan_jax.inference.scoring import Scorer
from flan_jax.packing.example import Example


class Evaluator:
    """Scores options and generates answers with one model."""

    def __init__(self, model: LoadedModel, max_new_tokens: int, batch_tokens: int, decoding: Decoding = Greedy()):
        """Evaluates `model` with about `batch_tokens` tokens per batch and at most `max_new_tokens` per answer."""
        self._model = model
        self._scorer = Scorer(model, batch_tokens)
        self._generator = Generator(model, max_new_tokens=max_new_tokens, batch_tokens=batch_tokens, decoding=decoding)
        self._unconditional: dict[bytes, np.ndarray] = {}

    def evaluate(self, examples: Mapping[RecordKey, Sequence[EvalExample]]) -> dict[RecordKey, list[dict[str, Any]]]:
        """The records of each key, in the order of its examples."""
        pairs = [(key, example) for key, group in examples.items() for example in group]
        ranked = self._rank_options([example for _, example in pairs if example.choices])
        generated = self._generate([example for _, example in pairs if not example.choices])
        found: dict[RecordKey, list[dict[str, Any]]] = {key: [] for key in examples}
        for key, example in pairs:
            answer = next(ranked if example.choices else generated)
            found[key].append(example_record(key, example) | answer)
        return found

    def _rank_options(self, examples: Sequence[EvalExample]):
        """The options of each example, each with all of its scores."""
        questions = [Example(example.prompt_tokens, _unique(example.choice_tokens)) for example in examples]
        scored = self._scorer.score(questions)
        self._score_unconditionally(list(itertools.chain.from_iterable(question.responses for question in questions)))
        for example, question, scores in zip(examples, questions, scored):
            by_tokens = {option.tobytes(): score for option, score in zip(question.responses, scores)}
            options = [
                {'text': text} | self._option_scores(scored, tokens, by_tokens[tokens.tobytes()])
                for text, scored, tokens in zip(
                    example.choices, example.marks or example.choices, example.choice_tokens
                )
            ]
            yield {'options': options}

    def _option_scores(self, text: str, tokens: np.ndarray, after_prompt: np.ndarray) -> dict[str, float]:
        num_eos = int(tokens[-1] == self._model.prompt_format.end_id(self._model.vocabulary))
        return option_scores(text, after_prompt, self._unconditional[tokens.tobytes()], num_eos)

    def _score_unconditionally(self, options: Sequence[np.ndarray]) -> None:
        """Scores options after an empty prompt; options that were scored before are skipped."""
        new = [option for option in _unique(options) if option.tobytes() not in self._unconditional]
        empty = np.array(self._model.prompt_format.encode_empty_prompt(self._model.vocabulary), np.int32)
        for option, scores in zip(new, self._scorer.score([Example(empty, (option,)) for option in new])):
            self._unconditional[option.tobytes()] = scores[0]

    def _generate(self, examples: Sequence[EvalExample]):
        """The generated answer to each example."""
        for answer in self._generator.answer([example.prompt_tokens for example in examples]):
            yield {'prediction': self._model.prompt_format.finish(self._model.vocabulary.decode(answer))}


def example_record(key: RecordKey, example: EvalExample) -> dict[str, Any]:
    """The part of a record that describes the example."""
    return {
        'dataset': key.dataset,
        'variant': key.variant,
        'template': key.template,
        'split': key.split,
        'shots': key.shots,
        'example': example.example,
        'prompt': example.prompt,
        'prompt_tokens': len(example.prompt_tokens),
        'cut': example.cut,
        'exemplars': example.exemplars,
        'references': list(example.references),
        'group': example.group,
    }


def _unique(options: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Options without repetitions, so that equal options get bitwise equal scores."""
    return tuple({option.tobytes(): option for option in options}.values())
