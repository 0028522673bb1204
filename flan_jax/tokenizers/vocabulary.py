"""Vocabularies: SentencePiece models, the bundled one among them, Hugging Face's tokenizers, and a training script.

python -m flan_jax.tokenizers.vocabulary --output=PREFIX --size=4096
"""

import hashlib
import pathlib

import sentencepiece
from etils import epath

from flan_jax.errors import UserError
from flan_jax.tokenizers.huggingface import TOKENIZER_FILE, HuggingFaceTokenizer

BUNDLED = pathlib.Path(__file__).parent / 'vocabularies' / 'samples_4k.model'
"""Trained on the bundled samples in all their templates; for trying things out, not for real models."""

SENTENCEPIECE_FILE = 'tokenizer.model'
"""Name of a SentencePiece model in folders that keep it beside a model of transformers."""

PAD_ID, EOS_ID, UNKNOWN_ID = 0, 1, 2
"""Ids of the bundled vocabulary's special pieces, as in T5's."""


class Vocabulary:
    """Text to ids and back outside TensorFlow: a SentencePiece model, or Hugging Face's tokenizer.json."""

    def __init__(self, path: str | None = None):
        """Loads a SentencePiece model, a tokenizer.json or a folder with either; without a path, the bundled model.

        Raises:
          UserError: if there is nothing at `path`, or nothing says which token ends a text.
        """
        self.path = _file_of(epath.Path(path or BUNDLED))
        self._tokenizer = HuggingFaceTokenizer(self.path) if self.path.suffix == '.json' else _SentencePiece(self.path)

    def __len__(self) -> int:
        return len(self._tokenizer)

    @property
    def eos_id(self) -> int:
        """Id of the token that ends inputs and targets."""
        return self._tokenizer.eos_id

    @property
    def bos_id(self) -> int | None:
        """Id of the token that begins every prompt, as Llama and Gemma expect; None where nothing does."""
        return self._tokenizer.bos_id

    @property
    def pad_id(self) -> int | None:
        """Id of the padding token, or None. Our rows are padded with 0 whatever it is; masks keep padding unseen."""
        return self._tokenizer.pad_id

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for the model's bytes and special tokens."""
        return self._tokenizer.fingerprint

    def encode(self, text: str) -> list[int]:
        """Text to ids, without BOS and EOS."""
        return self._tokenizer.encode(text)

    def prompt(self, text: str) -> list[int]:
        """Text to the ids of an example's inputs: begun by BOS, where there is one, and ended by EOS."""
        return [self.bos_id] * (self.bos_id is not None) + self.encode(text) + [self.eos_id]

    def decode(self, ids) -> str:
        """Ids up to the first EOS to text."""
        ids = [int(i) for i in ids]
        return self._tokenizer.decode(ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids)

    def seqio(self):
        """The same as a SeqIO vocabulary."""
        return self._tokenizer.seqio()


class _SentencePiece:
    """A SentencePiece model."""

    def __init__(self, path: epath.Path):
        self._path = path
        model = path.read_bytes()
        self.fingerprint = hashlib.sha256(model).hexdigest()[:16]
        self._pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.eos_id, self.bos_id, self.pad_id = (
            known if known >= 0 else None
            for known in (self._pieces.eos_id(), self._pieces.bos_id(), self._pieces.pad_id())
        )
        if self.eos_id is None:
            raise UserError(f'{path} has no EOS piece, which ends inputs and targets')

    def __len__(self) -> int:
        return self._pieces.get_piece_size()

    def encode(self, text: str) -> list[int]:
        return self._pieces.encode(text)

    def decode(self, ids: list[int]) -> str:
        return self._pieces.decode(ids)

    def seqio(self):
        import seqio

        return seqio.SentencePieceVocabulary(str(self._path))


def _file_of(path: epath.Path) -> epath.Path:
    """The tokenizer's file that a path names, or that lies in the folder it names."""
    files = [path / name for name in (TOKENIZER_FILE, SENTENCEPIECE_FILE)] if path.is_dir() else [path]
    for file in files:
        if file.exists():
            return file
    if path.is_dir():
        raise UserError(f'VOCABULARY={str(path)!r}: the folder holds neither {TOKENIZER_FILE} nor {SENTENCEPIECE_FILE}')
    raise UserError(f'VOCABULARY={str(path)!r}: no such SentencePiece model, {TOKENIZER_FILE} or folder with either')


def train(texts, prefix: str, size: int) -> None:
    """Trains a byte-fallback unigram model on an iterable of texts; writes PREFIX.model and PREFIX.vocab.

    The model gives every text back as it was, but for byte-order marks.
    """
    rules = pathlib.Path(f'{prefix}.rules.tsv')
    rules.write_text('FEFF\t\n')  # without any rule, SentencePiece logs a line whenever the model is loaded
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=prefix,
        vocab_size=size,
        character_coverage=0.9995,
        byte_fallback=True,
        normalization_rule_tsv=str(rules),
        remove_extra_whitespaces=False,
        split_digits=True,
        user_defined_symbols=['\n'],
        pad_id=PAD_ID,
        eos_id=EOS_ID,
        unk_id=UNKNOWN_ID,
        bos_id=-1,
        num_threads=2,
    )
    rules.unlink()


def sample_texts():
    """Every bundled sample row in every template, inputs and targets."""
    import tempfile

    from flan_jax import catalogue
    from flan_jax.data import prepare, source
    from flan_jax.data.preview import rendered_rows

    catalogue.load()
    with tempfile.TemporaryDirectory() as data_dir:
        prepare.prepare_samples(catalogue.DATASETS.values(), data_dir)
        for dataset in catalogue.DATASETS.values():
            for split in source.split_slices(dataset, data_dir):
                for row in rendered_rows(dataset, split, data_dir):
                    for inputs, targets in row.prompts:
                        yield inputs
                        yield targets


def main() -> None:
    """Trains the bundled vocabulary."""
    import argparse

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument('--output', required=True, help='prefix of the .model and .vocab files')
    parser.add_argument('--size', type=int, default=4096, help='number of pieces')
    arguments = parser.parse_args()
    train(sample_texts(), arguments.output, arguments.size)


if __name__ == '__main__':
    main()
