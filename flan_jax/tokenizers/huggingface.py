"""Hugging Face's tokenizer.json, read by the `tokenizers` library, with the special tokens its neighbours name."""

import functools
import hashlib
import json
from typing import Any

import tokenizers
from etils import epath

from flan_jax.errors import UserError

TOKENIZER_FILE = 'tokenizer.json'
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
        text = path.read_text()
        _check_format(path, text)
        self._tokenizer = tokenizers.Tokenizer.from_str(text)
        self._path = path
        self.eos_id = self._special_id('eos')
        if self.eos_id is None:
            raise UserError(
                f'{path}: nothing says which token ends a text; put "eos_token" into tokenizer_config.json beside it'
            )
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

    def seqio(self):
        """The same tokenizer as a SeqIO vocabulary."""
        from flan_jax.data.seqio_vocabulary import TokenizerVocabulary

        return TokenizerVocabulary(self)

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
    def _settings(self) -> dict[str, Any]:
        """What the files beside tokenizer.json say, the last having the last word; config.json knows ids only."""
        settings: dict[str, Any] = {}
        for name in ('config.json', *_SETTINGS_FILES):
            if (file := self._path.parent / name).exists():
                settings |= json.loads(file.read_text())
        return settings


def _check_format(path: epath.Path, text: str) -> None:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f'VOCABULARY={str(path)!r} is no JSON: {error}') from error
    if not isinstance(content, dict) or 'model' not in content:
        raise UserError(f'VOCABULARY={str(path)!r} is not the {TOKENIZER_FILE} of a tokenizer: it has no "model"')
