"""What goes along with a model's tensors: tokenizer, generation settings, licence."""

import json
from collections.abc import Sequence

import tokenizers
from etils import epath
from tokenizers import decoders, models, pre_tokenizers

from flan_jax.convert.read import CONFIG_FILE, ConversionError
from flan_jax.data.huggingface_tokenizer import TOKENIZER_FILE

PATTERNS = (
    CONFIG_FILE, 'generation_config.json', TOKENIZER_FILE, 'tokenizer_config.json', 'special_tokens_map.json',
    'added_tokens.json', 'tokenizer.model', 'vocab.json', 'merges.txt', 'chat_template.*', 'LICENSE*', 'NOTICE*',
    'USE_POLICY*',
)  # fmt: skip
"""Files that are taken along."""

_BYTE_LEVEL_FAMILIES = ('gpt2', 'opt')
"""Families whose folders may hold vocab.json and merges.txt of GPT-2's tokenizer in place of tokenizer.json."""


def copy(source: epath.Path, destination: epath.Path, model_type: str, without: Sequence[str] = ()) -> None:
    """Copies the files that go along, and writes tokenizer.json where only its older form is there."""
    destination.mkdir(parents=True, exist_ok=True)
    for pattern in PATTERNS:
        for file in source.glob(pattern):
            if file.name not in without:
                file.copy(destination / file.name, overwrite=True)
    older = [destination / 'vocab.json', destination / 'merges.txt']
    if not (destination / TOKENIZER_FILE).exists() and all(file.exists() for file in older):
        if model_type not in _BYTE_LEVEL_FAMILIES:
            raise ConversionError(
                f'{source} has vocab.json and merges.txt but no {TOKENIZER_FILE}; '
                'AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) of transformers writes it'
            )
        _byte_level(*older, _special_tokens(destination)).save(str(destination / TOKENIZER_FILE))


def _byte_level(vocab: epath.Path, merges: epath.Path, special: Sequence[str]) -> tokenizers.Tokenizer:
    """GPT-2's byte-level BPE (Radford et al. 2019, section 2.2)."""
    pairs = [tuple(line.split(' ')) for line in merges.read_text().splitlines() if line and line[:8] != '#version']
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=json.loads(vocab.read_text()), merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def _special_tokens(folder: epath.Path) -> list[str]:
    """The texts of the special tokens that a folder's settings name."""
    found = {}
    for name in ('special_tokens_map.json', 'tokenizer_config.json'):
        if (folder / name).exists():
            found |= json.loads((folder / name).read_text())
    tokens = [found[key] for key in ('bos_token', 'eos_token', 'unk_token', 'pad_token') if found.get(key)]
    return list(dict.fromkeys(token['content'] if isinstance(token, dict) else token for token in tokens))
