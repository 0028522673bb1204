"""SeqIO's own command-line tools work on the catalogue's tasks."""

import importlib.util
import os
import subprocess
import sys

import pytest
import seqio

from flan_jax.data.members import REGISTERED
from flan_jax.tokenizers.vocabulary import Vocabulary

LENGTHS = {'inputs': 512, 'targets': 64}


def run_tool(tool, *arguments, **kwargs):
    command = [sys.executable, '-m', f'seqio.scripts.{tool}', '--module_import=flan_jax.tasks.registered', *arguments]
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_inspect_tasks_shows_examples(samples_dir):
    shown = run_tool(
        'inspect_tasks_main',
        f'--tasks={REGISTERED}rte,{REGISTERED}rte_template_3_rank_4_shot',
        f'--sequence_length={LENGTHS}',
        '--decode_features',
        input='\n' * 200,  # the tool waits for a key after every example
        env=os.environ | {'TFDS_DATA_DIR': samples_dir},
    )
    assert f'Done Inspecting Task: {REGISTERED}rte ***' in shown
    assert f'Done Inspecting Task: {REGISTERED}rte_template_3_rank_4_shot ***' in shown
    assert 'OPTIONS:' in shown and 'dtype=string' in shown


@pytest.mark.skipif(not importlib.util.find_spec('apache_beam'), reason='Apache Beam is not installed')
def test_cache_tasks_writes_what_training_reads(samples_dir, tmp_path):
    run_tool(
        'cache_tasks_main',
        f'--tasks={REGISTERED}rte,{REGISTERED}dart_few_shot',
        f'--tfds_data_dir={samples_dir}',
        f'--output_cache_dir={tmp_path}',
        '--min_shards=2',
        '--pipeline_options=--runner=DirectRunner',
    )
    seqio.set_global_cache_dirs([str(tmp_path)])
    try:
        for name in ('rte', 'dart_few_shot'):
            task = seqio.TaskRegistry.get(REGISTERED + name)
            cached = list(task.get_dataset(LENGTHS, 'train', use_cached=True, shuffle=False).as_numpy_iterator())
            seqio.set_tfds_data_dir_override(samples_dir)
            assert len(cached) == task.num_input_examples('train')
            for example in cached:
                assert example['inputs'][-1] == example['targets'][-1] == Vocabulary().eos_id
                assert ('shots' in example) == (name == 'dart_few_shot')
    finally:
        seqio.set_global_cache_dirs([])
        seqio.set_tfds_data_dir_override(None)
