"""Writes the miniature's data: its examples as prepared TFDS datasets, its text, and its vocabulary of words."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Iterable

import tokenizers
from etils import epy
from tokenizers import models, pre_tokenizers

from flan_jax.catalogue.declaration import placeholders
from flan_jax.data.prepare import write_dataset
from flan_jax.files import write_whole
from flan_jax.tasks import miniature_world as world
from flan_jax.tasks.miniature import DATASETS, PREFIX, VERSION

with epy.lazy_imports():
    import tensorflow_datasets as tfds

PROSE = f'{PREFIX}prose:{VERSION}'
"""TFDS name of the pretraining text of the base model; its mixture is `tfds:NAME:text`."""

VOCABULARY = 'words'
"""Folder of the vocabulary in the data directory."""

ORIGIN = 'flan_jax.tasks.miniature_world'

EOS, UNKNOWN = '[eos]', '[unknown]'


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Examples of each kind."""

    prose: int = 40_000
    train: int = 1_000
    test: int = 100


def prepare(data_dir: str, seed: int = 0, sizes: Sizes = Sizes()) -> None:
    """Writes the vocabulary, the text and every dataset; raises UserError where one is there already."""
    write_vocabulary(pathlib.Path(data_dir) / VOCABULARY)
    with tempfile.TemporaryDirectory() as folder:
        write_source(
            PROSE, {'train': sizes.prose}, seed, pathlib.Path(folder), data_dir, {'text': tfds.features.Text()}
        )
        for dataset in {dataset.source: dataset for dataset in DATASETS}.values():
            counts = {'train': sizes.train, 'test': sizes.test}
            write_source(dataset.source, counts, seed, pathlib.Path(folder), data_dir, dataset.features)


def write_source(source: str, counts, seed: int, folder: pathlib.Path, data_dir: str, features) -> None:
    """Writes the examples of one source; those of later splits are other than those of earlier ones."""
    name = source.removeprefix(PREFIX).partition(':')[0]
    found = world.examples(name, seed, sum(counts.values()))
    files = {}
    for split, count in counts.items():
        files[split] = folder / f'{name}_{split}.jsonl'
        with files[split].open('w') as lines:
            lines.writelines(json.dumps(next(found)) + '\n' for _ in range(count))
    write_dataset(source, files, data_dir, ORIGIN, features)


def words() -> list[str]:
    """Every word of the world, of its instructions, and of what stands around them; sorted."""
    splits = _splitter()
    return sorted({word for text in _texts() for word, _ in splits.pre_tokenize_str(text)})


def _texts() -> Iterable[str]:
    """Texts that together hold all words."""
    yield 'OPTIONS:\n- . ? [ ] : , _ so is a first came last no yes answer'
    yield _without_fields(' '.join((*world.NAMES, *world.CUES)))
    for topic in world.TOPICS:
        yield ' '.join((topic.name, topic.verb, *topic.values))
    for dataset in DATASETS:
        yield f'{dataset.cluster.title} {dataset.name}'
        yield from (_without_fields(text) for t in dataset.templates for text in (t.inputs, t.targets))


def _without_fields(text: str) -> str:
    for name in placeholders(text):
        text = text.replace(f'{{{name}}}', ' ')
    return text


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])


def write_vocabulary(folder: pathlib.Path) -> None:
    """A tokenizer.json in which every word is one token, wherever it stands."""
    ids = {word: index for index, word in enumerate((EOS, UNKNOWN, *words()))}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = _splitter()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / 'tokenizer_config.json', json.dumps({'eos_token': EOS}))
    tokenizer.add_special_tokens([EOS])
    write_whole(folder / 'tokenizer.json', tokenizer.to_str(pretty=True))
