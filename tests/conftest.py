"""What all tests share: data directories, and a cache of compiled programs that outlives them."""

import functools
import gc
import os
import pathlib
import types

# Most of what tests do is compile small programs, so these are hardly optimised, and in one piece: it takes a fifth of
# the time. `make parity` and `make miniature` run as users do. Virtual devices wait longer where cores are few.
os.environ.setdefault(
    'XLA_FLAGS',
    '--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false'
    ' --xla_cpu_parallel_codegen_split_count=1 --xla_cpu_collective_call_terminate_timeout_seconds=300',
)
# Before JAX is imported, and for the processes that tests start as well: equal programs are compiled once.
os.environ.setdefault('JAX_COMPILATION_CACHE_DIR', str(pathlib.Path('~/.cache/flan_jax/xla_tests').expanduser()))
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')

import hypothesis
import pytest

hypothesis.settings.register_profile('tests', deadline=None)  # what compiles takes its time
hypothesis.settings.load_profile('tests')

WHOLE_RUNS = (
    'command/test_chaos.py', 'test_reproduce.py', 'test_processes.py', 'test_readme.py', 'test_hewitt_table2.py',
    'test_parallelism.py', 'test_run.py', 'training/test_train.py', 'training/test_reward.py',
    'packing/test_resume.py', 'command/test_task_prompts.py', 'command/test_ppo.py', 'test_own_dataset.py',
    'training/test_preferences_learned.py', 'training/test_validation_loss.py',
    'test_together.py', 'test_preference_run.py', 'test_few_shot_run.py', 'test_run_evaluation.py',
    'test_evaluate_processes.py', 'rollouts/test_learn.py', 'command/test_prompt.py', 'test_seqio_tools.py',
    'command/test_tune.py', 'tests/test_notebook.py', 'test_packaging.py', 'test_adapter.py', 'test_chat_run.py',
    'command/test_ifs_curve.py', 'test_convert.py', 'test_evaluate_models.py',
)  # fmt: skip
"""Files whose tests run whole commands, runs that stop and go on, or jobs of several processes: `make test_runs`.

The longest come first.
"""

LONGEST = (
    'tuning/test_task_prompts.py', 'tasks/test_examples.py', 'tuning/test_prompt.py', 'data/test_drawing.py',
    'packing/test_stream.py', 'data/test_few_shot.py', 'evaluation/test_evaluate.py', 'tests/test_api.py',
    'command/test_main.py', 'tokenizers/test_huggingface.py', 'model/test_decoder.py', 'inference/test_generation.py',
    'training/test_step.py', 'inference/test_scoring.py',
)  # fmt: skip
"""The longest files of `make test`, the longest first."""

REAL_DATA = pathlib.Path(__file__).parents[2] / 'shared' / 'tfds'


def pytest_configure(config):
    """Fills the catalogue, but not in the process that only hands tests to workers."""
    if hasattr(config, 'workerinput') or config.getoption('dist', 'no') == 'no':
        from flan_jax.command.quiet import import_tensorflow

        import_tensorflow()  # before others import it, since this takes half the time
        from flan_jax import catalogue
        from tests.one_context import lower_in_one_context

        catalogue.load()
        lower_in_one_context()
        _prepare_in_memory()
        # What is loaded by now stays; looking through it again and again took a twentieth of the time.
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)


def pytest_ignore_collect(collection_path, config):
    """`make test_runs` reads the files that have such tests: importing all others takes as long as a whole run."""
    if config.option.markexpr != 'runs' or not collection_path.match('test_*.py'):
        return None
    return None if _rank(collection_path) < len(WHOLE_RUNS) else True


def _prepare_in_memory():
    """TFDS names a thousand files for each split it writes, though it makes them only for data beyond a gigabyte.

    For the samples of the catalogue that was more than half of the time.
    """
    from tensorflow_datasets.core import shuffle

    shuffle.BUCKETS_NUMBER = 1


def pytest_collection_modifyitems(items):
    """Marks whole runs and what compiles for TPUs; the longest first, so that no worker has a long file at the end."""
    for item in items:
        if item.path.parent.name == 'aot':
            item.add_marker('aot')
        if _rank(item.path) < len(WHOLE_RUNS):
            item.add_marker('runs')
    items.sort(key=lambda item: _rank(item.path))


@functools.cache
def _rank(path: pathlib.Path) -> int:
    """The place of a file among those that take long."""
    files = WHOLE_RUNS + LONGEST
    return next((index for index, name in enumerate(files) if path.as_posix().endswith(f'/{name}')), len(files))


@pytest.fixture(scope='session')
def samples_dir(tmp_path_factory) -> str:
    """A data directory with the bundled samples of the whole catalogue."""
    from flan_jax import catalogue
    from flan_jax.data import prepare

    data_dir = str(tmp_path_factory.mktemp('samples'))
    prepare.prepare_samples(catalogue.DATASETS.values(), data_dir)
    return data_dir


@pytest.fixture(scope='module', autouse=True)
def _catalogue_as_found():
    """What the tests of a file declare is not there for those of the next."""
    from flan_jax import catalogue
    from flan_jax.data import own_instructions

    kept = [
        (content, content.copy())
        for content in (catalogue.CLUSTERS, catalogue.DATASETS, catalogue.OURS, own_instructions._DECLARED)
    ]
    yield
    for content, before in kept:
        content.clear()
        content.update(before)


@pytest.fixture(scope='module')
def miniature():
    """The miniature's world and declarations, in the catalogue while a file's tests run."""
    from flan_jax import catalogue
    from flan_jax.tasks import miniature, miniature_world

    if (
        miniature.DATASETS[0].name not in catalogue.DATASETS
    ):  # the module adds them once only, when it is first imported
        catalogue.add_ours(*miniature.DATASETS)
    return types.SimpleNamespace(world=miniature_world, declared=miniature)


@pytest.fixture(scope='session')
def real_data_dir() -> str:
    """A data directory with real data, where there is one beside the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip('no real data beside the repository (../shared/tfds)')
    return str(REAL_DATA)


@pytest.fixture(scope='session')
def instructions_dir() -> pathlib.Path:
    """Real instruction sets, where they are beside the repository."""
    folder = REAL_DATA.parent / 'instructions'
    if not folder.is_dir():
        pytest.skip('no real instruction sets beside the repository (../shared/instructions)')
    return folder
