"""A converted model on disk: what a run needs to start from it, and the way back.

FOLDER/model.gin includes decoder, weights and tokenizer into a run; FOLDER/checkpoint holds the weights;
FOLDER/huggingface what came with them.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator

import jax
from etils import epath
from jax.sharding import Mesh

from flan_jax.convert import companions
from flan_jax.convert.folder import ConversionError
from flan_jax.convert.gin_text import gin_lines
from flan_jax.convert.read import CONFIG_FILE, HuggingFaceModel
from flan_jax.convert.tensors import places, their_shapes
from flan_jax.convert.write import family_of, write_model
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout, placed
from flan_jax.errors import UserError
from flan_jax.files import absolute, only_writer, publish, read_json, unfinished_folder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.value_head import trained_by_ppo
from flan_jax.progress import bar
from flan_jax.settings import as_plain
from flan_jax.tokenizers.huggingface import TOKENIZER_FILE
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from flan_jax.training.weights import CheckpointContent

GIN_FILE, CHECKPOINT, COMPANIONS = 'model.gin', 'checkpoint', 'huggingface'

SOURCE = 'source'
"""What a converted checkpoint calls the folder of transformers that it is from."""

_GIN_TEMPLATE = """\
# Made by flan-jax convert from {source}, a model of the family {family}. A run on it:
#
#   include 'gin/runs/defaults.gin'
#   include '{folder}/{gin_file}'

INITIAL_CHECKPOINT_PATH = '{folder}/{checkpoint}'
VOCABULARY = '{folder}/{companions}'

{model}
"""


def from_hugging_face(source: epath.PathLike, destination: epath.PathLike) -> DecoderConfig:
    """Makes a folder from which a run can start out of one of transformers; weights become float32.

    Args:
      source: folder with config.json, safetensors and a tokenizer.
      destination: folder to be made.

    Returns:
      The decoder.

    Raises:
      ConversionError: if config or tensors do not fit the family, or the destination exists.
      UserError: if there is no tokenizer, or it has more tokens than the model.
    """
    source, destination = epath.Path(source), epath.Path(destination)
    model = HuggingFaceModel(source)
    with new_folder(destination, marker=GIN_FILE) as unfinished:
        companions.copy(source, unfinished / COMPANIONS, model.family.model_type)
        vocabulary = Vocabulary(str(unfinished / COMPANIONS))
        if len(vocabulary) > model.config.vocab_size:
            raise UserError(
                f'{source}: the tokenizer has {len(vocabulary)} tokens, the model {model.config.vocab_size}'
            )
        mesh = _mesh(model.config)
        layout = parameter_layout(model.config, mesh) | placed(model.head, mesh)
        with bar('reading parameters', len(layout)) as advance:
            params = model.params(layout, advance)
        metadata = {
            'model': as_plain(model.config),
            'vocabulary': vocabulary.fingerprint,
            SOURCE: str(absolute(source)),
        }
        checkpoints.save_params(unfinished / CHECKPOINT, params, metadata)
        text = _GIN_TEMPLATE.format(
            source=source.name,
            family=model.family.model_type,
            folder=destination,
            gin_file=GIN_FILE,
            checkpoint=CHECKPOINT,
            companions=COMPANIONS,
            model='\n'.join(gin_lines(model.config)),
        )
        (unfinished / GIN_FILE).write_bytes(text.encode('utf-8'))
    return model.config


def to_hugging_face(
    content: CheckpointContent, vocabulary: Vocabulary, destination: epath.PathLike, dtype: str = 'float32'
) -> str:
    """Writes a checkpoint as a folder that transformers loads; an adapter is merged into its base.

    Args:
      content: the checkpoint.
      vocabulary: the one that it was trained with.
      destination: folder to be made.
      dtype: dtype of the tensors on disk.

    Returns:
      The model_type of the family it was written as.

    Raises:
      ConversionError: if no family computes the decoder, the vocabulary is no tokenizer.json, or the destination is
        there.
    """
    destination, config = epath.Path(destination), content.config
    if content.has_value_head and trained_by_ppo(content.metadata):
        raise ConversionError(
            f'{content.folder} is a checkpoint of PPO, with a value function beside the language model; convert '
            'MODEL_DIR/policy, which is the language model alone'
        )
    if content.has_value_head:  # a reward model has no unembedding in transformers
        config = dataclasses.replace(config, tied_embedding=True)
    family_of(config)
    if vocabulary.path.name != TOKENIZER_FILE:
        raise ConversionError(
            f'{vocabulary.path}: AutoTokenizer loads {TOKENIZER_FILE}; name the folder of one by --vocabulary'
        )
    came_with = vocabulary.path.parent
    like = read_json(came_with / CONFIG_FILE, 'fetch it again') if (came_with / CONFIG_FILE).exists() else {}
    family, _ = family_of(config, like.get('model_type'))
    with new_folder(destination, marker=CONFIG_FILE) as unfinished:
        params = content.merged(_mesh(config), dtype)
        if content.has_value_head:
            params.pop('unembedding/kernel', None)
        companions.copy(came_with, unfinished, family.model_type, without=[CONFIG_FILE])
        with bar('writing tensors', len(their_shapes(places(family, config, content.head), config))) as advance:
            write_model(unfinished, config, params, dtype, like, advance)
    return family.model_type


def _mesh(config: DecoderConfig) -> Mesh:
    """A mesh over which parameters are shared by as many of the devices as their width allows."""
    return make_mesh(Parallelism(fsdp=math.gcd(jax.device_count(), config.d_model)))


def require_new(destination: epath.PathLike) -> epath.Path:
    """The path of a folder to be made; raises ConversionError if it exists."""
    if epath.Path(destination).exists():
        raise ConversionError(f'{destination} exists; remove it or choose another folder')
    return epath.Path(destination)


@contextlib.contextmanager
def new_folder(destination: epath.PathLike, marker: str) -> Iterator[epath.Path]:
    """A folder to write into that gets its name when the body has ended well, and is removed otherwise.

    Args:
      destination: its name.
      marker: a file that the body writes into it.

    Raises:
      ConversionError: if the destination exists, before the body or after it.
      UserError: if another process writes it in a bucket.
    """
    require_new(destination)
    with only_writer(destination), unfinished_folder(destination) as unfinished:
        require_new(destination)
        yield unfinished
        if not publish(unfinished, destination, marker):
            raise ConversionError(f'{destination} exists; remove it or choose another folder')
