"""Identity of tasks that users registered with SeqIO: if one changes, its streams are packed anew."""

from typing import Any

import seqio

from flan_jax.catalogue.identity import described
from flan_jax.data.contents import file_digests
from flan_jax.data.source import written_contents
from flan_jax.errors import UserError
from flan_jax.settings import fingerprint


def task_identity(task: seqio.Task) -> dict[str, Any]:
    """The contents of a task's source, and a fingerprint of its steps and output features.

    Functions are identified by their source text, by the functions and constants of their module that they use, and by
    the values that closures hold.

    Raises:
      UserError: if the task has no training examples.
    """
    if 'train' not in task.source.splits:
        raise UserError(f"{task.name} has no split 'train'; name a task or mixture with training examples")
    made_by = {'steps': described(task.preprocessors), 'features': described(dict(task.output_features))}
    return {'source': _source_identity(task.source), 'steps': fingerprint(made_by)}


def _source_identity(source: seqio.DataSource) -> Any:
    """Digests of files with their reader; of a TFDS dataset its version, examples and splits; of others their maker."""
    # SeqIO has no public names for readers, split maps, and builders of splits from several datasets.
    if isinstance(source, seqio.FileDataSource):
        files = file_digests(source.list_shards('train'))
        return {'files': files, 'reader': described(source._reader)}
    if isinstance(source, seqio.TfdsDataSource):
        info = source.tfds_dataset._get_builder('train').info
        splits = {name: [split.num_examples, split.num_bytes] for name, split in sorted(info.splits.items())}
        identity = {'name': info.full_name, 'splits': splits, 'contents': written_contents(info)}
        return identity | {'rows': described(source.tfds_dataset._split_map)}
    if isinstance(source, seqio.FunctionDataSource):
        return described(source._dataset_fn)
    return described(type(source))
