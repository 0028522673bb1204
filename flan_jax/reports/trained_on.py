"""What a model was trained on, by the manifest of its run: running text, or a mixture and how that was sampled."""

from collections.abc import Mapping
from typing import Any

from flan_jax.data.mixtures import is_registered_elsewhere
from flan_jax.data.text import is_text


def reads_text(data: Mapping[str, Any]) -> bool:
    """Whether the data of a run are running text, to pretrain on, and no instructions."""
    return not data.get('parts') and is_text(data['mixture'])


def sampling(data: Mapping[str, Any]) -> str | None:
    """How the datasets of a run's mixture are sampled, in a sentence; None if the manifest does not say it."""
    if reads_text(data) or 'mixing' not in data:
        return None
    if is_registered_elsewhere(data['mixture']) and not data.get('parts'):
        return 'Tasks are sampled with the rates that are registered in SeqIO.'
    if data.get('parts'):
        return 'Parts are sampled in proportion to their weights.'
    mixing = {name: value for name, value in data['mixing'].items() if name != 'type'}
    settings = ', '.join(f'{name}={value}' for name, value in mixing.items())
    return f'Datasets are sampled with {data["mixing"]["type"]}({settings}).'


def mixture_lines(stream: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line for each task of a stream, by cluster: its share in percent, examples, and epochs where they are known."""
    rates = stream['recipe'].get('rates') or _shares(stream)
    lines = [
        {
            'task': task,
            'cluster': stream['clusters'][cluster],
            'rate': 100 * rates[task],
            'examples': examples,
            'epochs': stream['epochs'].get(task),
        }
        for task, cluster, examples in zip(stream['tasks'], stream['cluster_of_task'], stream['examples'])
    ]
    return sorted(lines, key=lambda line: (line['cluster'], line['task']))


def _shares(stream: Mapping[str, Any]) -> dict[str, float]:
    """The share of the examples that came from each task, where all were read equally often."""
    total = sum(stream['examples'])
    return {task: count / total for task, count in zip(stream['tasks'], stream['examples'])}
