"""Vocabularies: SentencePiece models, the bundled one among them, and Hugging Face's tokenizers."""

import functools
import hashlib
import pathlib
from typing import Any, ClassVar

import sentencepiece
from etils import epath
from sentencepiece import sentencepiece_model_pb2

from flan_jax.errors import UserError
from flan_jax.tokenizers.huggingface import TOKENIZER_FILE, HuggingFaceTokenizer

BUNDLED = pathlib.Path(__file__).parent / 'vocabularies' / 'samples_4k.model'
"""Trained by scripts/train_vocabulary.py on the bundled samples; for experiments, not for real models."""

SENTENCEPIECE_FILE = 'tokenizer.model'
"""Name of a SentencePiece model in Hugging Face folders."""


class TokenTextError(UserError):
    """A text is not a single token of a vocabulary."""


class Vocabulary:
    """Text to ids and back: a SentencePiece model, or Hugging Face's tokenizer.json.

    The prompt format decides which tokens begin and end prompts and responses (`flan_jax.data.formats`).
    """

    def __init__(self, path: str | None = None):
        """Loads a SentencePiece model, a tokenizer.json or a folder with either; without a path, the bundled model.

        Raises:
          UserError: if there is nothing at `path`, or the EOS token is unknown.
        """
        self.path = _file_of(epath.Path(path or BUNDLED))
        of_kind: Any = HuggingFaceTokenizer if self.path.suffix == '.json' else _SentencePiece
        self._tokenizer = of_kind(self.path)

    def __len__(self) -> int:
        return len(self._tokenizer)

    @property
    def eos_id(self) -> int:
        """Id of the token that ends inputs and targets."""
        return self._tokenizer.eos_id

    @property
    def bos_id(self) -> int | None:
        """Id of the token that begins every prompt, as for Llama and Gemma; None if there is none."""
        return self._tokenizer.bos_id

    @property
    def pad_id(self) -> int | None:
        """Id of the padding token, or None. Sequences are always padded with 0; masks hide padding."""
        return self._tokenizer.pad_id

    @property
    def fingerprint(self) -> str:
        """A fingerprint, sixteen hexadecimal digits, of the model's bytes and special tokens."""
        return self._tokenizer.fingerprint

    @property
    def special_tokens(self) -> dict[str, str]:
        """The texts of special tokens; empty for SentencePiece, whose special tokens have no text."""
        return self._tokenizer.special_tokens

    def encode(self, text: str) -> list[int]:
        """The ids of a text, never those of special tokens."""
        return self._tokenizer.encode(text)

    def encode_continuation(self, text: str) -> list[int]:
        """The ids of a text that continues another: no space is added before it."""
        return self._tokenizer.encode_continuation(text)

    def encode_marked(self, text: str, continues: bool = False) -> list[int]:
        """The ids of a template's text, in which special tokens are recognised.

        Args:
          text: text of a template, never of data.
          continues: see `encode_continuation`.
        """
        return self._tokenizer.encode_marked(text, continues)

    def special_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each span in which `encode_marked` would recognise a special token."""
        return self._tokenizer.special_spans(text)

    def token_id(self, text: str) -> int:
        """The id of the token with exactly this text within a longer text, such as ' We' after a word.

        If several tokens have this text, such as a byte and a piece, it is the one that the tokenizer produces.

        Raises:
          TokenTextError: if there is no such token, or the choice among several is ambiguous.
        """
        found = self._ids_by_text.get(text, [])
        if len(found) > 1:
            found = [i for i in found if self.encode_continuation(text) == [i]] or found
        if len(found) != 1:
            number = f'several tokens ({", ".join(map(str, found))})' if found else 'no token'
            raise TokenTextError(f'{self.path} has {number} for {text!r}')
        return found[0]

    @functools.cached_property
    def _ids_by_text(self) -> dict[str, list[int]]:
        """The ids of tokens by their text after a letter."""
        found: dict[str, list[int]] = {}
        for i in range(len(self)):
            found.setdefault(self.token_text(i), []).append(i)
        return found

    def token_text(self, i: int) -> str:
        """The text of a token within a longer text, such as ' We'; also for special tokens."""
        ids, text = self._before
        return self.decode_all([*ids, int(i)]).removeprefix(text)

    @functools.cached_property
    def _before(self) -> tuple[list[int], str]:
        """A letter to precede a token: its ids and its text."""
        ids = self.encode_continuation('a')
        return ids, self.decode_all(ids)

    def decode(self, ids) -> str:
        """The text of the ids before the first EOS."""
        ids = [int(i) for i in ids]
        return self._tokenizer.decode(ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids)

    def decode_all(self, ids) -> str:
        """All ids to text, special tokens as they are written."""
        return self._tokenizer.decode_all([int(i) for i in ids])


class _SentencePiece:
    """A SentencePiece model."""

    special_tokens: ClassVar[dict[str, str]] = {}

    def __init__(self, path: epath.Path):
        self._model = path.read_bytes()
        self.fingerprint = hashlib.sha256(self._model).hexdigest()[:16]
        try:
            self._pieces = _processor(self._model)
        except RuntimeError as error:
            raise UserError(f'VOCABULARY={str(path)!r} is not a SentencePiece model, or is damaged: {error}') from error
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

    def encode_continuation(self, text: str) -> list[int]:
        return self._continuing.encode(text)

    def encode_marked(self, text: str, continues: bool = False) -> list[int]:
        return self.encode_continuation(text) if continues else self.encode(text)

    def special_spans(self, text: str) -> list[tuple[int, int]]:
        return []  # control pieces are found in no text

    def decode(self, ids: list[int]) -> str:
        return self._pieces.decode(ids)

    def decode_all(self, ids: list[int]) -> str:
        """Special pieces are written where they stand; the space before a text's first piece stays."""
        pieces = [self._pieces.id_to_piece(i) for i in ids if not self._pieces.is_byte(i)]
        if len(pieces) == len(ids):
            return ''.join(pieces).replace('\u2581', ' ')
        return self._pieces.decode(ids)

    @functools.cached_property
    def _continuing(self) -> sentencepiece.SentencePieceProcessor:
        """The same model without the space that it puts before every text."""
        model = sentencepiece_model_pb2.ModelProto.FromString(self._model)  # type: ignore[attr-defined]
        model.normalizer_spec.add_dummy_prefix = False
        model.normalizer_spec.remove_extra_whitespaces = False
        return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


@functools.lru_cache(maxsize=8)
def _processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    """Reading a model takes milliseconds, and a vocabulary is asked for again and again."""
    return sentencepiece.SentencePieceProcessor(model_proto=model)


def _file_of(path: epath.Path) -> epath.Path:
    """The tokenizer's file that a path names, or that lies in the folder it names."""
    files = [path / name for name in (TOKENIZER_FILE, SENTENCEPIECE_FILE)] if path.is_dir() else [path]
    for file in files:
        if file.exists():
            return file
    if path.is_dir():
        raise UserError(
            f'VOCABULARY={str(path)!r}: the folder contains neither {TOKENIZER_FILE} nor {SENTENCEPIECE_FILE}'
        )
    raise UserError(
        f'VOCABULARY={str(path)!r}: no such file or folder; set it to a SentencePiece model, a '
        f'{TOKENIZER_FILE}, or a folder with either'
    )
