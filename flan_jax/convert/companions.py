"""The files that accompany a model's tensors: tokenizer, generation settings, licence."""

from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers
from etils import epath
from tokenizers import decoders, models, pre_tokenizers, processors

from flan_jax.convert.folder import ConversionError, own_file
from flan_jax.convert.read import CONFIG_FILE
from flan_jax.files import read_json, read_utf8
from flan_jax.tokenizers.huggingface import TOKENIZER_FILE

PATTERNS = (
    CONFIG_FILE, 'generation_config.json', TOKENIZER_FILE, 'tokenizer_config.json', 'special_tokens_map.json',
    'added_tokens.json', 'tokenizer.model', 'vocab.json', 'merges.txt', 'chat_template.*', 'LICENSE*', 'NOTICE*',
    'USE_POLICY*',
)  # fmt: skip
"""Names of the files that are copied."""

_BYTE_LEVEL_FAMILIES = ('gpt2', 'opt')
"""Families whose folders may have GPT-2's vocab.json and merges.txt instead of tokenizer.json."""


def copy(source: epath.Path, destination: epath.Path, model_type: str, without: Sequence[str] = ()) -> None:
    """Copies the accompanying files, and writes tokenizer.json if the source has only its older form."""
    destination.mkdir(parents=True, exist_ok=True)
    for pattern in PATTERNS:
        for file in source.glob(pattern):
            if file.name not in without and own_file(source, file.name).is_file():
                file.copy(destination / file.name, overwrite=True)
    older = [destination / 'vocab.json', destination / 'merges.txt']
    if not (destination / TOKENIZER_FILE).exists() and all(file.exists() for file in older):
        if model_type not in _BYTE_LEVEL_FAMILIES:
            raise ConversionError(
                f'{source} has vocab.json and merges.txt but no {TOKENIZER_FILE}; '
                'AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) in Python (transformers) writes it'
            )
        tokenizer = _byte_level(older[0], older[1], _tokenizer_settings(destination))
        tokenizer.save(str(destination / TOKENIZER_FILE))


def _byte_level(vocab: epath.Path, merges: epath.Path, settings: Mapping[str, Any]) -> tokenizers.Tokenizer:
    """GPT-2's byte-level BPE (Radford et al. 2019, section 2.2), with a leading BOS if "add_bos_token" is set (OPT)."""
    lines = [line for line in read_utf8(merges).splitlines() if line and line[:8] != '#version']
    pairs: list[Any] = [tuple(line.split(' ')) for line in lines]  # the library refuses other lengths
    ids = read_json(vocab, 'fetch it again')
    try:
        tokenizer = tokenizers.Tokenizer(models.BPE(vocab=ids, merges=pairs))
    except Exception as error:  # the library raises no other class
        raise ConversionError(f'{vocab} and {merges.name} cannot be read as a tokenizer: {error}') from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = {
        kind: settings[f'{kind}_token'] for kind in ('bos', 'eos', 'unk', 'pad') if settings.get(f'{kind}_token')
    }
    special = {kind: token['content'] if isinstance(token, dict) else token for kind, token in special.items()}
    tokenizer.add_special_tokens(list(dict.fromkeys(special.values())))
    if settings.get('add_bos_token'):
        bos = special['bos']
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f'{bos} $A', special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def _tokenizer_settings(folder: epath.Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ('special_tokens_map.json', 'tokenizer_config.json'):
        if (folder / name).exists():
            found |= read_json(folder / name, 'fetch it again')
    return found
