"""Hugging Face's tokenizer.json, read by the `tokenizers` library, with the special tokens that other files name."""

import functools
import hashlib
import itertools
import json
import re
from typing import Any

import tokenizers
from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import read_json, read_utf8

TOKENIZER_FILE = 'tokenizer.json'
_PREPARING = ('normalizer', 'normalizers', 'pre_tokenizer', 'pretokenizers')
"""Parts of tokenizer.json that change a text before it is tokenised."""

SPECIAL_TOKENS = ('bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token')
"""Special tokens that chat templates may name."""

_ADVICE = 'fetch it again, or set VOCABULARY to another'

_SETTINGS_FILES = ('special_tokens_map.json', 'tokenizer_config.json')


class HuggingFaceTokenizer:
    """A tokenizer.json; ids are those of transformers' AutoTokenizer with `split_special_tokens`.

    Data never become special tokens: '</s>' in a text is encoded as ordinary characters, because otherwise a row of
    data could end its prompt. `encode_marked` is for the text of templates.
    """

    def __init__(self, path: epath.Path):
        """Loads the file at `path`, and the special tokens from other files in its folder.

        Raises:
          UserError: if it cannot be read, or no file names its EOS token.
        """
        read_json(path, _ADVICE)
        text = read_utf8(path)
        self._tokenizer = _tokenizer(path, text)
        self._tokenizer.encode_special_tokens = True  # which keeps special tokens in texts ordinary text
        self._path = path
        eos_id = self._special_id('eos')
        if eos_id is None:
            raise UserError(
                f'{path}: the EOS token is not known; add "eos_token" to tokenizer_config.json in the same folder'
            )
        self.eos_id: int = eos_id
        self.bos_id = self._prompt_bos_id()
        self.pad_id = self._special_id('pad')
        special = json.dumps([self.bos_id, self.eos_id])
        self.fingerprint = hashlib.sha256((text + special).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without special tokens."""
        return self._as_text(self._tokenizer, text)

    def encode_marked(self, text: str, continues: bool = False) -> list[int]:
        """The ids of a text in which special tokens are recognised, as in transformers.

        Args:
          text: text of a template, never of data.
          continues: whether it continues another text, so that no space is added before it.
        """
        tokenizer = self._continuing_marked if continues else self._marked
        return tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """The text of ids, without special tokens."""
        return self._tokenizer.decode(ids, skip_special_tokens=True)

    def decode_all(self, ids: list[int]) -> str:
        """The text of ids, with the texts of special tokens."""
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    def encode_continuation(self, text: str) -> list[int]:
        """The ids of a text without the space that some tokenizers add before every text."""
        return self._as_text(self._continuing, text)

    def _as_text(self, tokenizer: tokenizers.Tokenizer, text: str) -> list[int]:
        """The ids of a text; if its parts still form a special token, they are split further."""
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if self._special_ids.isdisjoint(ids):
            return ids
        cut = self._encode_parts(tokenizer, self._cut_special(text))
        if self._special_ids.isdisjoint(cut):
            return cut
        return [i for i in self._encode_parts(tokenizer, list(text)) if i not in self._special_ids]

    def _encode_parts(self, tokenizer: tokenizers.Tokenizer, parts: list[str]) -> list[int]:
        first, *others = (
            encoder.encode(part, add_special_tokens=False).ids
            for encoder, part in zip(itertools.chain([tokenizer], itertools.repeat(self._continuing)), parts)
        )
        return [*first, *itertools.chain.from_iterable(others)]

    def _cut_special(self, text: str) -> list[str]:
        """The parts of a text, split after the first character of everything that looks like a special token."""
        parts = []
        while found := self._special_texts.search(text):
            parts.append(text[: found.start() + 1])
            text = text[found.start() + 1 :]
        return [*parts, text]

    def special_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each span of a text that looks like a special token; spans do not overlap."""
        return [found.span() for found in self._special_texts.finditer(text)]

    @functools.cached_property
    def _special(self) -> dict[int, str]:
        """Texts of the special tokens by id, without the token for unknown characters, which any text may contain."""
        added = self._tokenizer.get_added_tokens_decoder()
        special = {i: token.content for i, token in added.items() if token.special}
        named = {i: self._tokenizer.id_to_token(i) for i in (self.bos_id, self.eos_id, self.pad_id) if i is not None}
        unknown = self._special_id('unk')
        return {i: text for i, text in (special | named).items() if text and i != unknown}

    @functools.cached_property
    def _special_ids(self) -> frozenset[int]:
        return frozenset(self._special)

    @functools.cached_property
    def _special_texts(self) -> re.Pattern:
        """A pattern of all texts of special tokens, the longest first; matches nothing if there are none."""
        texts = sorted(self._special.values(), key=len, reverse=True)
        return re.compile('|'.join(map(re.escape, texts)) or r'(?!)')

    @functools.cached_property
    def special_tokens(self) -> dict[str, str]:
        """The texts of special tokens by the names in chat templates, such as 'bos_token' and 'eos_token'."""
        named = {name: self._settings.get(name) for name in SPECIAL_TOKENS}
        texts = {name: token['content'] if isinstance(token, dict) else token for name, token in named.items()}
        if texts['eos_token'] is None:  # config.json may have its id
            texts['eos_token'] = self._tokenizer.id_to_token(self.eos_id)
        return {name: text for name, text in texts.items() if text is not None}

    def _prompt_bos_id(self) -> int | None:
        """The id of BOS if the file's post-processor adds it before texts, as in transformers; otherwise None."""
        bos_id = self._special_id('bos')
        begins = bos_id is not None and self._tokenizer.encode('', add_special_tokens=True).ids[:1] == [bos_id]
        return bos_id if begins else None

    def _special_id(self, kind: str) -> int | None:
        """The id of the EOS, BOS or pad token; None if there is none."""
        token = self._settings.get(f'{kind}_token')
        if token is not None:
            return self._tokenizer.token_to_id(token['content'] if isinstance(token, dict) else token)
        ids = self._settings.get(f'{kind}_token_id')
        return ids[0] if isinstance(ids, list) else ids

    @functools.cached_property
    def _continuing(self) -> tokenizers.Tokenizer:
        """The same tokenizer without the space that it may add before every text."""
        tokenizer = self._without_first_space()
        tokenizer.encode_special_tokens = True
        return tokenizer

    @functools.cached_property
    def _marked(self) -> tokenizers.Tokenizer:
        """The same tokenizer, but recognising special tokens in texts."""
        return _tokenizer(self._path, read_utf8(self._path))

    @functools.cached_property
    def _continuing_marked(self) -> tokenizers.Tokenizer:
        return self._without_first_space()

    def _without_first_space(self) -> tokenizers.Tokenizer:
        content = json.loads(read_utf8(self._path))
        return tokenizers.Tokenizer.from_str(json.dumps(_without_first_space(content)))

    @functools.cached_property
    def _settings(self) -> dict[str, Any]:
        """The settings in other files of the folder, later files overriding earlier ones; config.json has ids only."""
        settings: dict[str, Any] = {}
        for name in ('config.json', *_SETTINGS_FILES):
            if (file := self._path.parent / name).exists():
                settings |= read_json(file, _ADVICE)
        return settings


def _without_first_space(part: Any) -> Any:
    """The JSON of a tokenizer, or a part of it, changed to add no space before a text; the decoder is unchanged."""
    if isinstance(part, list):
        return [_without_first_space(item) for item in part if not (isinstance(item, dict) and _prepends(item))]
    if not isinstance(part, dict):
        return part
    kept = {name: None if name == 'normalizer' and _prepends(value or {}) else value for name, value in part.items()}
    kept |= {name: _without_first_space(kept[name]) for name in _PREPARING if name in kept}
    if part.get('type') == 'Metaspace':
        kept = {name: value for name, value in kept.items() if name != 'add_prefix_space'} | {'prepend_scheme': 'never'}
    return kept | {'add_prefix_space': False} if part.get('type') == 'ByteLevel' else kept


def _prepends(normalizer: dict[str, Any]) -> bool:
    return normalizer.get('type') == 'Prepend'


def _tokenizer(path: epath.Path, text: str) -> tokenizers.Tokenizer:
    if 'model' not in json.loads(text):
        raise UserError(f'VOCABULARY={str(path)!r} is not the {TOKENIZER_FILE} of a tokenizer: it has no "model"')
    try:
        return tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises no other class
        raise UserError(f'VOCABULARY={str(path)!r} is not the {TOKENIZER_FILE} of a tokenizer: {error}') from error
