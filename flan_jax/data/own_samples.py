"""Bundled instruction files: hand-written samples that are prepared like a user's files."""

import importlib.resources
import pathlib

from etils import epath

from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import SPLITS, prepare_instructions
from flan_jax.data.source import SAMPLES

FORMATS = {'ranked_answers': 'ranked'}
"""The format of the files by name of the dataset. `ranked_answers` has forty questions with three answers each; answers
with fewer words are better."""


def prepare_own_samples(name: str, data_dir: str) -> None:
    """Writes a dataset of `FORMATS` unless it is prepared in `data_dir`."""
    instructions = Instructions(name=name, licence='Apache-2.0', citation='written for flan_jax')
    if (epath.Path(data_dir) / instructions.dataset.source.replace(':', '/') / 'dataset_info.json').exists():
        return
    folder = pathlib.Path(str(importlib.resources.files('flan_jax.tasks') / 'samples' / 'instructions' / name))
    files = {split: folder / f'{split}.jsonl' for split in SPLITS if (folder / f'{split}.jsonl').is_file()}
    prepare_instructions(instructions, files, FORMATS[name], data_dir, origin=SAMPLES)
