"""What `flan-jax tune --base` names: a Hugging Face folder, PEFT's too, a conversion, a run or one of its steps."""

import dataclasses
import json
from collections.abc import Callable

from etils import epath

from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UserError
from flan_jax.files import read_json, write_whole
from flan_jax.model.config import DecoderConfig

FOLDER = 'base'
"""Folder in the output of what is made of a base model that a run cannot start from as it is."""

MADE_OF = 'base_made_of.json'
"""File beside it that says of which weights it was made."""


@dataclasses.dataclass(frozen=True)
class Base:
    """A base model as a run needs it.

    Attributes:
      config: the decoder.
      checkpoint: where its weights are, or will be.
      vocabulary: path of its vocabulary.
      prompt_format: the one that it was trained with or that came with it; None where nothing says.
      make: writes what is not there yet.
      rates: whether it is a reward model.
      template: folder in which its chat template will be; None where the run has to hold it.
    """

    config: DecoderConfig
    checkpoint: str
    vocabulary: str
    prompt_format: PromptFormat | None
    make: Callable[[], None]
    rates: bool = False
    template: str | None = None


def base_of(path: str, output: str) -> Base:
    """The base model that a path names, checked as far as that goes without reading its weights.

    Args:
      path: folder of a model.
      output: folder in which to put what has to be made of it.

    Raises:
      ConversionError, CheckpointError, UserError: where it cannot be tuned.
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
    """An adapter of PEFT, merged into the base model that it names."""
    from flan_jax.convert.peft import base_of_adapter, read_adapter
    from flan_jax.data.formats.beside import chat_template_beside
    from flan_jax.loaded_model import merge_peft, vocabulary_and_format

    def make() -> None:
        _make_once(path, made, lambda: merge_peft(path, made))

    made, base = f'{output}/{FOLDER}', base_of(base_of_adapter(path), output)
    read_adapter(path, base.config)  # one that does not fit is better known before data is prepared
    vocabulary = str(vocabulary_and_format(path)[0].path)
    prompt_format = chat_template_beside(path) or base.prompt_format
    return Base(base.config, made, vocabulary, prompt_format, make, base.rates)


def _merged(content, made: str) -> tuple[str, Callable[[], None]]:
    """Where an adapter merged into its base will be, and what puts it there."""
    from flan_jax.convert import adapter
    from flan_jax.tuning.lora import Lora

    if not isinstance(content.tuning, Lora):
        raise UserError(
            f'{content.folder} holds what {type(content.tuning).__name__} trained, which cannot be merged into a base '
            'to tune on; name its own base model'
        )

    def make() -> None:
        _make_once(str(content.folder), made, lambda: adapter.merge(content, made))

    return made, make


def _make_once(path: str, made: str, make: Callable[[], object]) -> None:
    """Makes a folder of a model, unless it is there.

    A run that has a checkpoint goes on with what is there.

    Raises:
      UserError: if a run would begin with what an earlier command, which came to no checkpoint, made of other weights.
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
        raise UserError(f'{made} is there, but nothing says whether it was made of --base={path}; {advice}')
    if read_json(said, advice) != identity:
        raise UserError(f'{made} was made of another model than --base={path} is now; {advice}')


def _nothing() -> None:
    """A checkpoint is there already."""
