"""The model of `flan-jax tune --base`: a Hugging Face or PEFT folder, a conversion, a run or one of its steps."""

import dataclasses
import json
from collections.abc import Callable

from etils import epath

from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UserError
from flan_jax.files import read_json, write_whole
from flan_jax.model.config import DecoderConfig

FOLDER = 'base'
"""Name of the folder within the output folder for a converted or merged base model."""

MADE_OF = 'base_made_of.json'
"""File next to it with the identity of the weights that it was made from."""


@dataclasses.dataclass(frozen=True)
class Base:
    """A base model in the form that a run needs.

    Attributes:
      config: the decoder.
      checkpoint: the folder where its weights are, or will be after `make`.
      vocabulary: path of its vocabulary.
      prompt_format: the one that it was trained with, or that its folder contains; None if unknown.
      make: converts or merges the model, unless that has been done.
      rates: whether it is a reward model.
      template: folder where its chat template will be; None if the run must store it.
    """

    config: DecoderConfig
    checkpoint: str
    vocabulary: str
    prompt_format: PromptFormat | None
    make: Callable[[], None]
    rates: bool = False
    template: str | None = None


def base_of(path: str, output: str) -> Base:
    """The base model that a path names; all is checked but its weights, which are not read.

    Args:
      path: folder of a model.
      output: folder for the converted or merged model.

    Raises:
      ConversionError, CheckpointError, UserError: if it cannot be tuned.
    """
    from flan_jax.convert.peft import is_adapter
    from flan_jax.loaded_model import checkpoint_in, is_hugging_face, prompt_format_of, vocabulary_of
    from flan_jax.training.weights import content_of

    made = f'{output}/{FOLDER}'
    if is_adapter(path):
        return _of_adapter(path, output)
    if is_hugging_face(path):
        return _of_hugging_face(path, made)
    content = content_of(checkpoint_in(path))
    vocabulary = str(vocabulary_of(content).path)
    checkpoint, make = str(content.folder), _nothing
    if content.tuning.freezes_base:
        checkpoint, make = _merged(content, made)
    return Base(content.config, checkpoint, vocabulary, prompt_format_of(content), make, content.has_value_head)


def _of_hugging_face(path: str, made: str) -> Base:
    from flan_jax.convert.base_model import CHECKPOINT, COMPANIONS, from_hugging_face
    from flan_jax.convert.read import HuggingFaceModel
    from flan_jax.data.formats.beside import chat_template_beside

    def make() -> None:
        _make_once(path, made, lambda: from_hugging_face(path, made))

    model = HuggingFaceModel(path)
    chat_template, beside = chat_template_beside(path), f'{made}/{COMPANIONS}'
    template = beside if chat_template else None
    return Base(model.config, f'{made}/{CHECKPOINT}', beside, chat_template, make, bool(model.head), template)


def _of_adapter(path: str, output: str) -> Base:
    """A PEFT adapter, to be merged into the base model that it names."""
    from flan_jax.convert.peft import base_of_adapter, read_adapter
    from flan_jax.data.formats.beside import chat_template_beside
    from flan_jax.loaded_model import merge_peft, vocabulary_and_format

    def make() -> None:
        _make_once(path, made, lambda: merge_peft(path, made))

    made, base = f'{output}/{FOLDER}', base_of(base_of_adapter(path), output)
    read_adapter(path, base.config)  # raises before data is prepared if the adapter does not fit
    vocabulary = str(vocabulary_and_format(path)[0].path)
    prompt_format = chat_template_beside(path) or base.prompt_format
    return Base(base.config, made, vocabulary, prompt_format, make, base.rates)


def _merged(content, made: str) -> tuple[str, Callable[[], None]]:
    """The folder of an adapter merged into its base, and the function that writes it."""
    from flan_jax.convert import adapter
    from flan_jax.tuning.lora import Lora

    if not isinstance(content.tuning, Lora):
        raise UserError(
            f'{content.folder} holds what {type(content.tuning).__name__} trained, which cannot be merged into '
            'its base model for further tuning; use the base model itself'
        )

    def make() -> None:
        _make_once(str(content.folder), made, lambda: adapter.merge(content, made))

    return made, make


def _make_once(path: str, made: str, make: Callable[[], object]) -> None:
    """Makes the folder of a model, unless it exists.

    Args:
      path: folder of the original model, whose weights' identity is compared with that of an existing folder.
      made: the folder to make.
      make: makes it.

    Raises:
      UserError: if the existing folder was made from other weights and the run has no checkpoint yet; a run with a
        checkpoint resumes with the existing folder.
    """
    from flan_jax.evaluation.model_identity import model_identity
    from flan_jax.training.checkpoints import latest_step

    output, said = epath.Path(made).parent, epath.Path(made).parent / MADE_OF
    identity = json.loads(json.dumps(model_identity(path)))
    if not epath.Path(made).exists():
        write_whole(said, json.dumps(identity))
        make()
        return
    if latest_step(output):
        return
    advice = 'remove that folder, or choose another --output'
    if not said.exists():
        raise UserError(f'{made} exists, but it is not known whether it was converted from --base={path}; {advice}')
    if read_json(said, advice) != identity:
        raise UserError(f'{made} was converted from another model than --base={path} is now; {advice}')


def _nothing() -> None:
    """Makes nothing: the model is a checkpoint already."""
