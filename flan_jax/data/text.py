"""Running text for pretraining, through the same stream as datasets; MIXTURE_OR_TASK_NAME names it.

`text:books/*.txt` reads files, a paragraph per line. `tfds:wiki40b/en:1.3.0:text` reads a field of a prepared TFDS
dataset, a document per example, each ended by EOS. Text is cut into pieces of `Stream.target_length` + 1 tokens. Lines
of files are concatenated; documents are not: no token attends to another document, and short documents share a sequence
by packing. The first token of a piece is its inputs, since nothing predicts it; all others are targets.
"""

from collections.abc import Mapping

import seqio
import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

from flan_jax.data.contents import file_digests
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.source import prepared_builder, written_contents
from flan_jax.data.tokenized import INPUTS, TARGETS
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

FILES, TFDS = KINDS = ('text:', 'tfds:')
"""Prefixes of names of running text."""

NAME = 'text'
"""Name of the task."""

_PARAGRAPHS_AT_A_TIME = 256
_PIECES_TO_SHUFFLE = 4096


def is_text(mixture: str) -> bool:
    """Whether a mixture's name stands for running text."""
    return mixture.startswith(KINDS)


def text_task(mixture: str, vocabulary: Vocabulary, data_dir: str) -> seqio.Task:
    """The task in which every token of a text is learned.

    Raises:
      UserError: if no file matches, or TFDS has no such field.
      MissingDataError: if the TFDS dataset is not prepared in `data_dir`.
    """
    source, field, end = _file_source(mixture) if mixture.startswith(FILES) else _tfds_source(mixture, data_dir)
    features = {name: seqio.Feature(seqio_vocabulary(vocabulary), add_eos=False) for name in (INPUTS, TARGETS)}

    def tokenize(examples: tf.data.Dataset, output_features: Mapping[str, seqio.Feature]) -> tf.data.Dataset:
        ending = [vocabulary.eos_id] if end is None else vocabulary.encode(end)
        encode = output_features[TARGETS].vocabulary.encode_tf
        return examples.map(lambda ex: tf.concat([encode(ex[field] if field else ex), ending], axis=0))

    return seqio.Task(
        NAME,
        source=source,
        output_features=features,
        preprocessors=[tokenize, cut_documents if end is None else cut_joined],
        shuffle_buffer_size=_PIECES_TO_SHUFFLE,
    )


def cut_joined(texts: tf.data.Dataset, sequence_length: Mapping[str, int]) -> tf.data.Dataset:
    """Joins texts in groups and cuts these into pieces; the last piece of a group is shorter."""
    return cut_documents(
        texts.ragged_batch(_PARAGRAPHS_AT_A_TIME).map(lambda group: group.flat_values), sequence_length
    )


def cut_documents(texts: tf.data.Dataset, sequence_length: Mapping[str, int]) -> tf.data.Dataset:
    """Cuts every text into pieces of one token more than the length of targets; the last piece is shorter."""
    pieces = texts.flat_map(
        lambda tokens: tf.data.Dataset.from_tensor_slices(tokens).batch(sequence_length[TARGETS] + 1)
    )
    whole = pieces.filter(lambda piece: tf.size(piece) > 1)
    return whole.map(lambda piece: {INPUTS: piece[:1], TARGETS: piece[1:]})


def fingerprint(mixture: str, data_dir: str) -> dict:
    """The identity of a text: size and digest of each file, or version, examples and bytes of the TFDS dataset.

    Where this project prepared that dataset, also a digest of its examples.
    """
    if mixture.startswith(FILES):
        files = _files(mixture)
        digests = file_digests(files)
        return {str(file): [file.stat().length, digests[str(file)]] for file in files}
    name, _ = _name_and_field(mixture)
    info = prepared_builder(name, data_dir).info
    train, contents = info.splits['train'], written_contents(info)
    return {name: [train.num_examples, train.num_bytes, *([contents] if contents else [])]}


def _file_source(mixture: str):
    paths = [str(file) for file in _files(mixture)]
    source = seqio.TextLineDataSource({'train': paths}, cycle_length=1)  # one file after the other
    return source, None, '\n'


def _tfds_source(mixture: str, data_dir: str):
    name, field = _name_and_field(mixture)
    builder = prepared_builder(name, data_dir)
    if field not in builder.info.features:
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={mixture!r}: {name} has the fields {", ".join(builder.info.features)}, not {field!r}'
        )

    def read(split: str, shuffle_files: bool, seed: int | None = None) -> tf.data.Dataset:
        config = tfds.ReadConfig(shuffle_seed=seed)
        return builder.as_dataset(split=split, shuffle_files=shuffle_files, read_config=config)

    return seqio.FunctionDataSource(read, splits=('train',)), field, None


def _files(mixture: str) -> list[epath.Path]:
    pattern = epath.Path(mixture.removeprefix(FILES))
    files = sorted(epath.Path(path) for path in tf.io.gfile.glob(str(pattern)))
    if not files:
        raise UserError(f'MIXTURE_OR_TASK_NAME={mixture!r}: no file matches {pattern}')
    return files


def _name_and_field(mixture: str) -> tuple[str, str]:
    name, _, field = mixture.removeprefix(TFDS).rpartition(':')
    if not name:
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={mixture!r}: expected tfds:DATASET:FIELD, such as tfds:wiki40b/en:1.3.0:text'
        )
    return name, field
