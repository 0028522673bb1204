"""The Python interface: load a model, score options, generate, chat and stream; render examples.

import flan_jax

model = flan_jax.load('out/mine')
model.generate('Is it good?', max_new_tokens=20)
"""

import functools
import os
import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Unpack, overload

import numpy as np

from flan_jax.data.formats import format_named
from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UserError
from flan_jax.inference.answer_text import Piece, pieces
from flan_jax.inference.arguments import MAX_NEW_TOKENS, DecodingArguments, check_decoding, resolve_decoding
from flan_jax.inference.checks import check_integer, check_texts
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
"""Called with the number of prompts that were just finished."""

BATCH_TOKENS = 8192
"""Tokens in a batch of scoring, or slots of KV cache in a batch of generation."""


def _silent(done: int) -> None:
    """Reports no progress."""


class Rendered(NamedTuple):
    """A rendered example.

    Attributes:
      prompt: the prompt.
      response: the expected response.
      options: the possible responses; empty if the answer is free text.
    """

    prompt: str
    response: str
    options: tuple[str, ...]


class Model:
    """A model ready for use; `load` makes one.

    Its weights are freed with the object. Its compiled programs are kept for models with equal settings;
    `jax.clear_caches()` frees them, too.
    """

    def __init__(self, loaded: LoadedModel, batch_tokens: int = BATCH_TOKENS):
        """Uses a loaded model, about `batch_tokens` tokens at a time."""
        self.loaded = loaded
        self._scorer = Scorer(loaded, batch_tokens)
        # Not bound to self: a reference cycle would keep the weights until the next garbage collection.
        self._generator = functools.lru_cache(maxsize=8)(functools.partial(_make_generator, loaded, batch_tokens))
        self._streamer = functools.lru_cache(maxsize=8)(functools.partial(_make_streamer, loaded, batch_tokens))

    @property
    def longest_answer(self) -> int:
        """Maximal tokens of an answer: the model's maximal length minus one token of prompt."""
        return int(min(LENGTHS[-1], self.loaded.max_length)) - 1

    def score(self, prompt: str, options: Sequence[str]) -> list[float]:
        """The log-probability of each option as the answer to a prompt, in nats, including the end of the answer.

        It is summed over tokens, as in FLAN's rank classification (section 2.3).

        Raises:
          PromptError: if prompt and option are too long for the model, or empty.
          UserError: if the prompt is not a text, or the options are not a list of texts.
        """
        (prompt,), options = check_texts('prompt', [prompt]), check_texts('options', options)
        prompt_format, vocabulary = self.loaded.prompt_format, self.loaded.vocabulary
        unique = list(dict.fromkeys(options))  # so that equal options get bitwise equal scores
        responses = tuple(_ids(prompt_format.encode_response(vocabulary, option)) for option in unique)
        (scores,) = self._scorer.score([Example(_ids(prompt_format.encode_prompt(vocabulary, prompt)), responses)])
        by_option = dict(zip(unique, (float(by_token.sum(dtype=np.float64)) for by_token in scores)))
        return [by_option[option] for option in options]

    # The overloads overlap for type checkers, because a str is a Sequence[str].
    @overload
    def generate(  # type: ignore[overload-overlap]
        self,
        prompts: str,
        *,
        contexts: Sequence[str] = ...,
        progress: Progress = ...,
        **decoding: Unpack[DecodingArguments],
    ) -> str: ...

    @overload
    def generate(
        self,
        prompts: Sequence[str],
        *,
        contexts: Sequence[str] = ...,
        progress: Progress = ...,
        **decoding: Unpack[DecodingArguments],
    ) -> list[str]: ...

    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        contexts: Sequence[str] = (),
        progress: Progress = _silent,
        **decoding: Unpack[DecodingArguments],
    ) -> str | list[str]:
        """The answer to a prompt, or the answers to several prompts, which are batched.

        Args:
          prompts: one or several.
          contexts: for each prompt the text at its end that its instruction is about, empty for none; a format such as
            Alpaca's sets it apart. By default all are empty.
          progress: called with the number of prompts that were just answered.
          **decoding: see `DecodingArguments`.

        Raises:
          PromptError: if a prompt is too long for the model, or empty.
          UserError: if a prompt is not a text, or decoding arguments are not allowed.
        """
        if isinstance(prompts, str):
            return self.generate([prompts], contexts=contexts, progress=progress, **decoding)[0]
        check_decoding(decoding, self.longest_answer)
        texts = check_texts('prompts', prompts)
        about = check_texts('contexts', contexts) if contexts else [''] * len(texts)
        if len(about) != len(texts):
            raise UserError(f'contexts has {len(about)} texts for {len(texts)} prompts; give one for each')
        for text, context in zip(texts, about):
            if not text.endswith(context):
                raise UserError(f'contexts: {context[:80]!r} is not the end of its prompt, {text[-160:]!r}')
        encode, vocabulary = self.loaded.prompt_format.encode_question, self.loaded.vocabulary
        return self._answer([_ids(encode(vocabulary, *asked)) for asked in zip(texts, about)], progress, **decoding)

    def chat(self, messages: Sequence[Message], **decoding: Unpack[DecodingArguments]) -> str:
        """The answer to a dialogue: an optional system message, then user and assistant in turn, the user last.

        Warns if the first turns are left out because the dialogue is too long for the model.

        Raises:
          UserError: if messages have another order, or decoding arguments are not allowed.
        """
        dialogue = dialogue_of(messages)
        check_decoding(decoding, self.longest_answer)
        longest = min(LENGTHS[-1], self.loaded.max_length) - decoding.get('max_new_tokens', MAX_NEW_TOKENS)
        encoded = self.loaded.prompt_format.encode_asked(self.loaded.vocabulary, dialogue, int(longest))
        if encoded.prompt_cut:
            warnings.warn(f'the first turns are left out: the model reads {int(longest)} tokens', stacklevel=2)
        return self._answer([_ids(encoded.prompt)], _silent, **decoding)[0]

    def encode(self, asked: str | Sequence[Message]) -> np.ndarray:
        """The tokens of a prompt, or of a dialogue as in `chat`, without a limit of length; raises like `chat`."""
        if isinstance(asked, str):
            (prompt,) = check_texts('prompt', [asked])
            return _ids(self.loaded.prompt_format.encode_prompt(self.loaded.vocabulary, prompt))
        return _ids(self.loaded.prompt_format.encode_asked(self.loaded.vocabulary, dialogue_of(asked)).prompt)

    def stream(
        self,
        prompts: Sequence[np.ndarray],
        *,
        stop: str | Sequence[str] = (),
        alternatives: int = 0,
        **decoding: Unpack[DecodingArguments],
    ) -> Iterator[Piece]:
        """Streams the answers to prompts, piece by piece while they are decoded.

        Joined, the pieces equal the results of `generate` and `chat`. The last piece of each answer has a
        `finish_reason`.

        Args:
          prompts: token ids of each prompt, from `encode`.
          stop: a text or several texts that end an answer and are not part of it.
          alternatives: number of most likely tokens to return with each token, at most 20.
          **decoding: see `DecodingArguments`; greedy decoding or sampling.

        Raises:
          PromptError: if a prompt is too long for the model, or empty.
          UserError: if prompts or stops have the wrong type, or decoding arguments are not allowed, such as beams.
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

    def _answer(
        self, prompts: Sequence[np.ndarray], progress: Progress, **decoding: Unpack[DecodingArguments]
    ) -> list[str]:
        finish, decode = self.loaded.prompt_format.finish, self.loaded.vocabulary.decode
        return [finish(decode(ids)) for ids in self._generator(**decoding).answer(prompts, progress)]


def _make_generator(
    loaded: LoadedModel, batch_tokens: int, max_new_tokens: int = MAX_NEW_TOKENS, seed: int = 0, **decoding: Any
) -> Generator:
    return Generator(
        loaded,
        max_new_tokens=max_new_tokens,
        batch_tokens=batch_tokens,
        decoding=resolve_decoding(**decoding),
        seed=seed,
    )


def _make_streamer(loaded: LoadedModel, batch_tokens: int, slots: int, **decoding: Any) -> Streamer:
    return Streamer(loaded, slots=slots, batch_tokens=batch_tokens, decoding=resolve_decoding(**decoding))


def load(
    path: str,
    *,
    vocabulary: str | None = None,
    prompt_format: str | PromptFormat | None = None,
    task: str | None = None,
    dtype: ComputeDtype = 'auto',
    param_dtype: str = 'float32',
) -> Model:
    """Loads a model: a Hugging Face folder, a PEFT folder with a LoRA adapter, a run or one of its steps, a conversion.

    Args:
      path: its folder; the base model of an adapter or a soft prompt is found from it.
      vocabulary: path of its vocabulary; None for the one that the model was trained with.
      prompt_format: a format, its name (flan, plain, alpaca, tulu) or the path of a chat template; None for the one
        that the model was trained with, or the chat template in its folder.
      task: the task whose soft prompt to use, if the model has one per task.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: dtype of weights.

    Raises:
      UserError: if there is no such model, or an argument does not fit it.
    """
    if isinstance(prompt_format, str):
        prompt_format = format_named(prompt_format)
    found = load_model(path, vocabulary=vocabulary, dtype=dtype, param_dtype=param_dtype, prompt_format=prompt_format)
    return Model(of_task(found, task, path))


def of_task(loaded: LoadedModel, task: str | None, path: str) -> LoadedModel:
    """The model with the soft prompt of a task, if the model at `path` has one per task; otherwise the model itself.

    Raises:
      UserError: if a task is given but not needed, or needed but not given.
    """
    if task and not loaded.prompts:
        raise UserError(f'task={task}: {path} has no soft prompt for each task; leave it out')
    if loaded.prompts and task is None:
        raise UserError(f'{path} has a soft prompt for each task; name a task: {", ".join(loaded.prompts)}')
    return loaded.of_task(task) if task else loaded


def render(task: str, row: Mapping[str, Any], template: int = 0) -> Rendered:
    """Renders a row of a dataset with one of its templates.

    Args:
      task: the name of a dataset in the catalogue, such as 'rte'.
      row: its features as in TFDS; `flan-jax tasks show` lists them.
      template: index of the template.

    Raises:
      UnknownName: if there is no such dataset.
      UserError: if there is no such template, a feature is missing, or the dataset leaves out such rows.
    """
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # must precede the import of TensorFlow, which is only here
    from flan_jax import catalogue
    from flan_jax.data.preview import rendered_row

    catalogue.load()
    example = rendered_row(catalogue.dataset(task), row)
    if not 0 <= template < len(example.prompts):
        raise UserError(f'template={template}: {task} has templates 0 to {len(example.prompts) - 1}')
    return Rendered(*example.prompts[template], example.choices)


def _ids(ids: Sequence[int]) -> np.ndarray:
    return np.array(ids, np.int32)
