"""What of an evaluated dataset the tuned model may have seen, by the manifest of the run that tuned it."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.reports.trained_on import reads_text


class Exposure(enum.StrEnum):
    """How an evaluated dataset relates to what was tuned on."""

    NOT_TUNED = 'nothing was tuned'
    HELD_OUT = 'held out'
    TUNED_ON = 'tuned on'
    SAME_CLUSTER = 'its cluster was tuned on'
    UNKNOWN = 'not known'


def exposure(dataset_name: str, manifest: Mapping[str, Any]) -> Exposure:
    """How a dataset relates to what the run of a manifest was tuned on."""
    if not manifest['stream']:
        return Exposure.NOT_TUNED
    dataset = catalogue.dataset(dataset_name)
    sources = {
        data['source'].partition(':')[0] for data in manifest['stream']['recipe']['data'].values() if 'source' in data
    }
    if dataset_name in manifest['stream']['tasks'] or dataset.source_name in sources:
        return Exposure.TUNED_ON
    if dataset.cluster.name in manifest['stream']['clusters']:
        return Exposure.SAME_CLUSTER
    proof = manifest.get('hold_out')
    return Exposure.HELD_OUT if proof and dataset_name in proof['compared']['evaluated'] else Exposure.UNKNOWN


def title(dataset_names: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """What the page is about; 'never seen in tuning' only where that is proven of everything evaluated."""
    data = manifest['run']['data']
    tuned_on = f'{"Pretrained" if reads_text(data) else "Tuned"} on {data["mixture"]}'
    if not dataset_names:
        return tuned_on
    clusters = ', '.join(dict.fromkeys(catalogue.dataset(name).cluster.title for name in dataset_names))
    found = {exposure(name, manifest) for name in dataset_names}
    if found == {Exposure.HELD_OUT}:
        return f'{clusters}, never seen in tuning'
    return f'{clusters}, without tuning' if found == {Exposure.NOT_TUNED} else f'{tuned_on}, evaluated on {clusters}'
