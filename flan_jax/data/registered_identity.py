"""What identifies a task that others registered with SeqIO: streams must not outlive a change of what it is made of."""

from typing import Any

import seqio

from flan_jax.catalogue.identity import described
from flan_jax.data.contents import file_digest
from flan_jax.data.source import written_contents
from flan_jax.settings import fingerprint


def task_identity(task: seqio.Task) -> dict[str, Any]:
    """The contents of a task's source, and a fingerprint of its steps.

    Functions are known by their source, not by that of what they call.
    """
    return {'source': _source_identity(task.source), 'steps': fingerprint({'steps': described(task.preprocessors)})}


def _source_identity(source: seqio.DataSource) -> Any:
    """A digest of each file; of a TFDS dataset its version, examples and bytes; of others what they are made by."""
    if isinstance(source, seqio.FileDataSource):
        return {path: file_digest(path) for path in source.list_shards('train')}
    if isinstance(source, seqio.TfdsDataSource):
        info = source.tfds_dataset.info
        splits = {name: [split.num_examples, split.num_bytes] for name, split in sorted(info.splits.items())}
        return {'name': info.full_name, 'splits': splits, 'contents': written_contents(info)}
    if isinstance(source, seqio.FunctionDataSource):
        return described(source._dataset_fn)  # SeqIO names the function, but does not give it
    return described(type(source))
