"""The library from Python: a model that scores, answers and talks, and examples as it reads them.

import flan_jax

model = flan_jax.load('out/mine')
model.generate('Is it good?', max_new_tokens=20)
"""

import functools
import os
import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Unpack, cast, overload

import numpy as np

from flan_jax.data.formats import format_named
from flan_jax.data.formats.dialogue import WANTED, Dialogue
from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UserError
from flan_jax.inference.answer_text import Piece, pieces
from flan_jax.inference.arguments import MAX_NEW_TOKENS, Decoding, check_decoding, method_of
from flan_jax.inference.chosen import check_integer, check_texts
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.messages import Message, dialogue_of
from flan_jax.inference.prefill import LENGTHS, padded_length
from flan_jax.inference.scoring import Scorer
from flan_jax.inference.streaming import MOST_ALTERNATIVES, Streamer
from flan_jax.loaded_model import load as load_model
from flan_jax.packing.example import Example
from flan_jax.training.settings import ComputeDtype

Progress = Callable[[int], None]
"""Called with how many more are done."""

BATCH_TOKENS = 8192
"""Tokens scored, or slots of KV cache, at a time."""


def _silent(done: int) -> None:
    """Tells nobody."""


class Rendered(NamedTuple):
    """An example as a model reads it.

    Attributes:
      prompt: what it is asked.
      response: what it shall answer.
      options: what may be answered; empty where the answer is free.
    """

    prompt: str
    response: str
    options: tuple[str, ...]


class Model:
    """A model ready for use; `load` makes one.

    Its weights are freed with it. What was compiled for it stays for models of equal settings; `jax.clear_caches()`
    frees that, too.
    """

    def __init__(self, loaded: LoadedModel, batch_tokens: int = BATCH_TOKENS):
        """Uses a loaded model, about `batch_tokens` tokens at a time."""
        self.loaded = loaded
        self._scorer = Scorer(loaded, batch_tokens)
        # Of the loaded model alone: a circle through this object would keep the weights until Python looks for circles.
        self._generator = functools.lru_cache(maxsize=8)(functools.partial(_make_generator, loaded, batch_tokens))
        self._streamer = functools.lru_cache(maxsize=8)(functools.partial(_make_streamer, loaded, batch_tokens))

    @property
    def longest_answer(self) -> int:
        """Tokens of an answer at most: all that the model reads, but for one of the prompt."""
        return int(min(LENGTHS[-1], self.loaded.max_length)) - 1

    def score(self, prompt: str, options: Sequence[str]) -> list[float]:
        """The log-probability of each option as the answer to a prompt, in nats, with the end of the answer.

        It is the sum over tokens, by which FLAN ranks options (section 2.3).

        Raises:
          PromptError: if prompt and option are too long for the model, or empty.
          UserError: for what is no text, or options that are no list of them.
        """
        (prompt,), options = check_texts('prompt', [prompt]), check_texts('options', options)
        prompt_format, vocabulary = self.loaded.prompt_format, self.loaded.vocabulary
        unique = list(dict.fromkeys(options))  # equal options get the very same score
        responses = tuple(_ids(prompt_format.encode_response(vocabulary, option)) for option in unique)
        (scores,) = self._scorer.score([Example(_ids(prompt_format.encode_prompt(vocabulary, prompt)), responses)])
        by_option = dict(zip(unique, (float(of_tokens.sum(dtype=np.float64)) for of_tokens in scores)))
        return [by_option[option] for option in options]

    # A text is a sequence of texts to a type checker, but not here.
    @overload
    def generate(  # type: ignore[overload-overlap]
        self, prompts: str, *, contexts: str | None = ..., progress: Progress = ..., **decoding: Unpack[Decoding]
    ) -> str: ...

    @overload
    def generate(
        self,
        prompts: Sequence[str],
        *,
        contexts: Sequence[str] | None = ...,
        progress: Progress = ...,
        **decoding: Unpack[Decoding],
    ) -> list[str]: ...

    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        contexts: str | Sequence[str] | None = None,
        progress: Progress = _silent,
        **decoding: Unpack[Decoding],
    ) -> str | list[str]:
        """The answer to a prompt, or the answers to several, which are computed together.

        Args:
          prompts: one or several.
          contexts: of each prompt the part that it is about and with which it ends, such as Alpaca's `input`, or ''; a
            format may put it under a heading of its own.
          progress: called with the number of prompts that were just answered.
          **decoding: see `Decoding`.

        Raises:
          PromptError: for a prompt that is too long for the model, or empty.
          UserError: for what is no text, or decoding that is not allowed.
        """
        if isinstance(prompts, str):
            about = None if contexts is None else cast(list[str], [contexts])
            return self.generate([prompts], contexts=about, progress=progress, **decoding)[0]
        check_decoding(decoding, self.longest_answer)
        texts = check_texts('prompts', prompts)
        about = [''] * len(texts) if contexts is None else check_texts('contexts', contexts)
        if len(about) != len(texts):
            raise UserError(f'contexts: {len(about)} for {len(texts)} prompts; give one for each, or an empty text')
        return self._answer([self.encode(*of) for of in zip(texts, about)], progress, **decoding)

    def chat(self, messages: Sequence[Message], **decoding: Unpack[Decoding]) -> str:
        """The answer to a dialogue: a system message or none, then user and assistant in turn, the user last.

        Warns where the first turns are left out, because all of them are too long for the model.

        Raises:
          UserError: for messages in another order, or decoding that is not allowed.
        """
        dialogue = dialogue_of(messages)
        check_decoding(decoding, self.longest_answer)
        longest = min(LENGTHS[-1], self.loaded.max_length) - decoding.get('max_new_tokens', MAX_NEW_TOKENS)
        encoded = self.loaded.prompt_format.encode_asked(self.loaded.vocabulary, dialogue, int(longest))
        if encoded.prompt_cut:
            warnings.warn(f'the first turns are left out: the model reads {int(longest)} tokens', stacklevel=2)
        return self._answer([_ids(encoded.prompt)], _silent, **decoding)[0]

    def encode(self, asked: str | Sequence[Message], context: str = '') -> np.ndarray:
        """The tokens of a prompt, or of a dialogue as `chat` takes it, however many they are; raises as `chat` does.

        `context` is the part of a prompt that it is about and with which it ends, see `generate`.
        """
        prompt_format, vocabulary = self.loaded.prompt_format, self.loaded.vocabulary
        if isinstance(asked, str):
            prompt, context = check_texts('prompt', [asked, context])
            if not context:
                return _ids(prompt_format.encode_prompt(vocabulary, prompt))
            return _ids(prompt_format.encode_asked(vocabulary, Dialogue(prompt, WANTED, context=context)).prompt)
        return _ids(prompt_format.encode_asked(vocabulary, dialogue_of(asked)).prompt)

    def stream(
        self,
        prompts: Sequence[np.ndarray],
        *,
        stop: str | Sequence[str] = (),
        alternatives: int = 0,
        **decoding: Unpack[Decoding],
    ) -> Iterator[Piece]:
        """The answers to prompts, which `encode` makes, piece by piece while they are decoded.

        Put together they are what `generate` and `chat` give. The last piece of each answer has a `finish_reason`.

        Args:
          prompts: their tokens.
          stop: a text or several, before which an answer ends.
          alternatives: likeliest tokens, 20 at most, that are named beside each token.
          **decoding: see `Decoding`; greedy or sampled.

        Raises:
          PromptError: for a prompt that is too long for the model, or empty.
          UserError: for prompts or stops that are none, decoding that is not allowed, and beams.
        """
        check_decoding(decoding, self.longest_answer)
        check_integer('alternatives', alternatives, 0, MOST_ALTERNATIVES)
        stop = [text for text in check_texts('stop', [stop] if isinstance(stop, str) else stop) if text]
        if isinstance(prompts, str) or any(np.ndim(prompt) != 1 for prompt in prompts):
            raise UserError(f'prompts={reprlib.repr(prompts)}: must be a list of tokens, which `encode` makes of texts')
        count, seed = decoding.pop('max_new_tokens', MAX_NEW_TOKENS), decoding.pop('seed', 0)
        streamer = self._streamer(min(padded_length(count), self.longest_answer), **decoding)
        yield from pieces(
            streamer, self.loaded, prompts, max_new_tokens=count, seed=seed, stop=stop, alternatives=alternatives
        )

    def _answer(self, prompts: Sequence[np.ndarray], progress: Progress, **decoding: Unpack[Decoding]) -> list[str]:
        finish, decode = self.loaded.prompt_format.finish, self.loaded.vocabulary.decode
        return [finish(decode(ids)) for ids in self._generator(**decoding).answer(prompts, progress)]


def _make_generator(
    loaded: LoadedModel, batch_tokens: int, max_new_tokens: int = MAX_NEW_TOKENS, seed: int = 0, **decoding: Any
) -> Generator:
    return Generator(
        loaded, max_new_tokens=max_new_tokens, batch_tokens=batch_tokens, decoding=method_of(**decoding), seed=seed
    )


def _make_streamer(loaded: LoadedModel, batch_tokens: int, slots: int, **decoding: Any) -> Streamer:
    return Streamer(loaded, slots=slots, batch_tokens=batch_tokens, decoding=method_of(**decoding))


def load(
    path: str,
    *,
    vocabulary: str | None = None,
    prompt_format: str | PromptFormat | None = None,
    task: str | None = None,
    dtype: ComputeDtype = 'auto',
    param_dtype: str = 'float32',
) -> Model:
    """Opens a model: a Hugging Face folder, a LoRA adapter of PEFT's, a run or one of its steps, or a conversion.

    Args:
      path: its folder; whatever a run has tuned, its base model is found.
      vocabulary: path of its vocabulary; None for the one that it names.
      prompt_format: a format, its name (flan, plain, alpaca, tulu) or the path of a chat template; None for the one
        that the model was trained with or that came with it.
      task: whose soft prompt to read, where the model has one for each task.
      dtype: of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: of weights.

    Raises:
      UserError: if there is no such model, or something does not fit it.
    """
    if isinstance(prompt_format, str):
        prompt_format = format_named(prompt_format)
    found = load_model(path, vocabulary=vocabulary, dtype=dtype, param_dtype=param_dtype, prompt_format=prompt_format)
    return Model(of_task(found, task, path))


def of_task(loaded: LoadedModel, task: str | None, path: str) -> LoadedModel:
    """The model that reads the soft prompt of a task, where the one at `path` has several; else itself.

    Raises:
      UserError: if a task is named without need, or none where it is needed.
    """
    if task and not loaded.prompts:
        raise UserError(f'task={task}: {path} has no soft prompt for each task; leave it out')
    if loaded.prompts and task is None:
        raise UserError(f'{path} has a soft prompt for each task; name a task: {", ".join(loaded.prompts)}')
    return loaded.of_task(task) if task else loaded


def render(task: str, row: Mapping[str, Any], template: int = 0) -> Rendered:
    """A row of a dataset as one of its templates puts it.

    Args:
      task: the name of a dataset of the catalogue, such as 'rte'.
      row: its features as TFDS has them; `flan-jax tasks show` lists what they are.
      template: index of the template.

    Raises:
      UnknownName: for a dataset or a template that is not there.
      UserError: if a feature is missing, or the dataset leaves out such rows.
    """
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # before TensorFlow, which is imported here alone
    from flan_jax import catalogue
    from flan_jax.data.preview import rendered_row

    catalogue.load()
    example = rendered_row(catalogue.dataset(task), row)
    if not 0 <= template < len(example.prompts):
        raise UserError(f'template={template}: {task} has templates 0 to {len(example.prompts) - 1}')
    return Rendered(*example.prompts[template], example.choices)


def _ids(ids: Sequence[int]) -> np.ndarray:
    return np.array(ids, np.int32)
