"""Hugging Face's tokenizer.json, read by the `tokenizers` library, with the special tokens its neighbours name."""

import functools
import hashlib
import json
from typing import Any

import tokenizers
from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import read_json

TOKENIZER_FILE = 'tokenizer.json'
_PREPARING = ('normalizer', 'normalizers', 'pre_tokenizer', 'pretokenizers')
"""Parts of tokenizer.json that change a text before it is cut into tokens."""

SPECIAL_TOKENS = ('bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token')
"""Special tokens that chat templates may name."""

_ADVICE = 'fetch it again, or set VOCABULARY to another'

_SETTINGS_FILES = ('special_tokens_map.json', 'tokenizer_config.json')


class HuggingFaceTokenizer:
    """A tokenizer.json; ids are those of transformers' AutoTokenizer.

    What stands for a special token in a text, such as '</s>', becomes that token, as it does in transformers.
    """

    def __init__(self, path: epath.Path):
        """Loads the file at `path`, and the special tokens from the files beside it.

        Raises:
          UserError: if it cannot be read, or no file names its EOS token.
        """
        read_json(path, _ADVICE)
        text = path.read_text()
        self._tokenizer = _tokenizer(path, text)
        self._path = path
        eos_id = self._special_id('eos')
        if eos_id is None:
            raise UserError(
                f'{path}: nothing says which token ends a text; put "eos_token" into tokenizer_config.json beside it'
            )
        self.eos_id: int = eos_id
        self.bos_id = self._prompt_bos_id()
        self.pad_id = self._special_id('pad')
        special = json.dumps([self.bos_id, self.eos_id])
        self.fingerprint = hashlib.sha256((text + special).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def encode(self, text: str) -> list[int]:
        """Text to ids, without BOS and EOS."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Ids to text, without special tokens."""
        return self._tokenizer.decode(ids, skip_special_tokens=True)

    def decode_all(self, ids: list[int]) -> str:
        """Ids to text, special tokens as they are written."""
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    def encode_continuation(self, text: str) -> list[int]:
        """Text to ids, as it is: without the space that some tokenizers put before every text."""
        return self._continuing.encode(text, add_special_tokens=False).ids

    @functools.cached_property
    def special_tokens(self) -> dict[str, str]:
        """How the special tokens are written that chat templates name, such as 'bos_token' and 'eos_token'."""
        named = {name: self._settings.get(name) for name in SPECIAL_TOKENS}
        texts = {name: token['content'] if isinstance(token, dict) else token for name, token in named.items()}
        if texts['eos_token'] is None:  # config.json names it by its id
            texts['eos_token'] = self._tokenizer.id_to_token(self.eos_id)
        return {name: text for name, text in texts.items() if text is not None}

    def _prompt_bos_id(self) -> int | None:
        """BOS where the file's post-processor begins texts with it, as transformers does."""
        bos_id = self._special_id('bos')
        begins = bos_id is not None and self._tokenizer.encode('', add_special_tokens=True).ids[:1] == [bos_id]
        return bos_id if begins else None

    def _special_id(self, kind: str) -> int | None:
        """The id of the EOS, BOS or pad token; None where there is none."""
        token = self._settings.get(f'{kind}_token')
        if token is not None:
            return self._tokenizer.token_to_id(token['content'] if isinstance(token, dict) else token)
        ids = self._settings.get(f'{kind}_token_id')
        return ids[0] if isinstance(ids, list) else ids

    @functools.cached_property
    def _continuing(self) -> tokenizers.Tokenizer:
        """The same tokenizer without the space that it may put before every text."""
        content = json.loads(self._path.read_text())
        return tokenizers.Tokenizer.from_str(json.dumps(_without_first_space(content)))

    @functools.cached_property
    def _settings(self) -> dict[str, Any]:
        """What the files beside tokenizer.json say, the last having the last word; config.json knows ids only."""
        settings: dict[str, Any] = {}
        for name in ('config.json', *_SETTINGS_FILES):
            if (file := self._path.parent / name).exists():
                settings |= read_json(file, _ADVICE)
        return settings


def _without_first_space(part: Any) -> Any:
    """The JSON of a tokenizer, or a part of it, that puts no space before a text; the decoder stays as it is."""
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
