"""The table of studies that `flan-jax reproduce --list` prints, and the data of the small ones."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator

from rich.table import Table

from flan_jax import catalogue
from flan_jax.command import configuration
from flan_jax.command.tables import print_table
from flan_jax.progress import CONSOLE

ELSEWHERE = {
    'flan.figure1, figure5': 'included in the pages of flan.table1 and flan.table2',
    'flan.figure3': '`flan-jax tasks list`',
    'flan.table4': 'included in the page of flan.figure10',
    'lima.*': 'not reproduced; docs/papers.md explains why, and what can be run',
}
"""Tables and figures without a study of their own, with the reason."""


SAMPLE_ROWS, PREPARED_ROWS = 6, 1000
"""Approximate number of examples in a validation or test split: of bundled samples, and of unlimited prepared data."""


def print_studies() -> None:
    """Prints all studies with the table or figure that they reproduce and their cost at both scales."""
    from flan_jax.studies import cost
    from flan_jax.studies.file_studies import FILE_STUDIES

    of_cost = ('small: tunings', 'core hours', 'paper: tunings', 'chip hours')
    table = Table('study', 'paper', 'what it shows', *of_cost, box=None)
    sustained = cost.core_flops()
    for study in _studies():
        small, paper = (_cost(study, scale) for scale in ('small', 'paper'))
        table.add_row(
            study.id,
            study.source,
            study.title,
            str(small.tunings),
            f'{small.core_hours(sustained):.1f}',
            *((str(paper.tunings), f'{paper.chip_hours:,.0f}') if paper else ('–', '–')),
        )
    for study in FILE_STUDIES.values():
        table.add_row(study.id, study.source, study.title, '–', '0.0', '–', '–')
    print_table(table)
    CONSOLE.print(
        f'Costs are estimates for one seed. Core hours are hours of one CPU core, which tunes at {sustained / 1e9:.0f} '
        f'GFLOP/s: {cost.CPU_UTILISATION:.0%} of its speed in matrix products, as just measured on this machine. They '
        f'include packing, compiling and evaluation as measured on an Intel Xeon; evaluation is {_evaluated()}. Chip '
        f'hours are for tuning only, on {cost.CHIP} at {cost.UTILISATION:.0%} of its peak, for a model of 137B '
        'parameters unless the study sets another.'
    )
    for name, why in ELSEWHERE.items():
        CONSOLE.print(f'{name}: {why}')


def _evaluated() -> str:
    """A description of the data that runs at the small scale evaluate."""
    if 'TFDS_DATA_DIR' in os.environ:
        return 'of as many examples of each split as EVAL_LIMIT allows'
    return f'of the bundled samples (about {SAMPLE_ROWS} examples per split), because TFDS_DATA_DIR is not set'


def _rows(study) -> int:
    """The approximate number of examples in a split at the small scale: of the miniature, prepared data or samples."""
    from flan_jax.tasks.miniature_data import Sizes

    if 'miniature' in study.id:
        return Sizes().test
    return PREPARED_ROWS if 'TFDS_DATA_DIR' in os.environ else SAMPLE_ROWS


def samples(root: str) -> tuple[dict[str, str], Callable[[], None]]:
    """Bindings of the bundled samples for the runs in `root`, and a function that prepares them if needed."""
    from flan_jax.data.prepare import prepare_samples

    data_dir = os.path.join(root, 'samples')
    prepare = functools.partial(prepare_samples, catalogue.DATASETS.values())
    what = 'TFDS_DATA_DIR is not set: the bundled samples are prepared'
    return {'TFDS_DATA_DIR': data_dir}, functools.partial(_make_whole, data_dir, what, prepare)


def miniature(root: str) -> tuple[dict[str, str], Callable[[], None]]:
    """As `samples`, for the generated data of the miniature."""
    from flan_jax.tasks import miniature_data

    data_dir = os.path.join(root, 'data')
    bindings = {'TFDS_DATA_DIR': data_dir, 'VOCABULARY': os.path.join(data_dir, miniature_data.VOCABULARY)}
    return bindings, functools.partial(
        _make_whole, data_dir, 'the data of the miniature is generated', miniature_data.prepare
    )


def _make_whole(data_dir: str, what: str, prepare: Callable[[str], object]) -> None:
    """Prepares data in a folder unless it exists; atomic, so that an interruption leaves no incomplete folder."""
    if not os.path.isdir(data_dir):
        CONSOLE.print(f'{what} in {data_dir}')
        unfinished = f'{data_dir}.unfinished'
        shutil.rmtree(unfinished, ignore_errors=True)
        prepare(unfinished)
        os.rename(unfinished, data_dir)


def studies() -> Iterator:
    """All studies; those without tuned models come last."""
    from flan_jax.studies.file_studies import FILE_STUDIES

    yield from _studies()
    yield from FILE_STUDIES.values()


def _studies() -> Iterator:
    from flan_jax.studies import (
        contamination,
        flan,
        head_to_head_tables,
        hewitt,
        hewitt_miniature,
        leave_one_out,
        stilts,
    )
    from flan_jax.studies.miniature import MINIATURE

    yield from leave_one_out.TABLES.values()
    yield contamination.TABLE
    yield from flan.STUDIES.values()
    yield MINIATURE
    yield hewitt_miniature.MINIATURE
    yield from stilts.STUDIES.values()
    yield from hewitt.STUDIES.values()
    yield from head_to_head_tables.STUDIES.values()


def _cost(study, scale: str):
    from flan_jax.studies.cost import cost_of
    from flan_jax.studies.leave_one_out import ClusterTable
    from flan_jax.studies.study import SCALE_FILES, SET_BY_STUDIES

    files = getattr(study, 'files', SCALE_FILES).get(scale)
    if files is None:
        return None
    missing = configuration.missing_macros(files)
    given = {name: 'unused' for name in missing if name not in SET_BY_STUDIES}
    if isinstance(study, ClusterTable):
        planned = study.runs('unused', files, given, ())
    else:
        planned = study.runs(scale, 'unused', (), given)
    runs = [configuration.load(run.files, run.bindings) for run in planned]
    catalogue.declare(runs[0].data.modules)
    return cost_of(runs, _rows(study))
