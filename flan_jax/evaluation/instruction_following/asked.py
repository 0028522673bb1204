"""Questions for the Instruction Following Score and ObjecQA, and the classification of a model's answers."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flan_jax.evaluation.instruction_following import objecqa
from flan_jax.evaluation.instruction_following.classifier import AnswerClassifier
from flan_jax.evaluation.instruction_following.objecqa import Choice
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel
from flan_jax.model.decoder import Params

CHOICE = 'choice'
"""Kind of the questions of ObjecQA, in addition to partial and full instructions."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """Questions, the generator that answers them, and the classifier of the answers.

    Attributes:
      model: vocabulary and prompt format; its weights are not used.
      generator: generates with the same settings as `model`.
      classifier: distinguishes answers from continuations.
      prompts: full or partial instructions.
      kinds: 'partial' or 'full' for each prompt.
      choices: questions of ObjecQA.
      input_length: maximal tokens of a prompt; longer prompts lose their end.
    """

    model: LoadedModel
    generator: Generator
    classifier: AnswerClassifier
    prompts: Sequence[str]
    kinds: Sequence[str]
    choices: Sequence[Choice]
    input_length: int

    def records(self, params: Params) -> list[dict[str, Any]]:
        """A record for each question, answered with `params`: prompt, kind, answer, and whether it is a hit."""
        texts = [*self.prompts, *(choice.question for choice in self.choices)]
        encode, vocabulary = self.model.prompt_format.encode_prompt, self.model.vocabulary
        tokens = [np.array(encode(vocabulary, text, self.input_length), np.int32) for text in texts]
        given = self.generator.with_params(params).answer(tokens)
        answers = [self.model.prompt_format.finish(vocabulary.decode(ids)) for ids in given]
        return [
            {'prompt': text, 'kind': kind, 'answer': answer, 'hit': hit}
            for text, kind, answer, hit in zip(texts, self._kinds(), answers, self._hits(answers), strict=True)
        ]

    def _kinds(self) -> list[str]:
        return [*self.kinds, *itertools.repeat(CHOICE, len(self.choices))]

    def _hits(self, answers: Sequence[str]) -> list[bool]:
        follows, chosen = answers[: len(self.prompts)], answers[len(self.prompts) :]
        found = self.classifier.is_answer(follows).tolist()
        return [*found, *objecqa.objective_answers(self.choices, chosen)]
