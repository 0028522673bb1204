"""flan-jax reproduce: reproduces a table or figure of a paper, with all runs that it needs.

--list prints all tables and figures with their ids. Finished runs are skipped, so the same command resumes after an
interruption. --plan prints the commands of the missing runs, to spread them over several machines, and the command
that combines their results. --scale=small uses a decoder of half a million parameters instead of the paper's model, on
prepared data if there is any, else on the bundled samples. At --scale=own all settings are those of the gin files.
--compile runs nothing: it compiles each model's step ahead of time for TPU slices, and prints time and cost. Output
folder: --gin.MODEL_DIR, by default out/reproduce/ID_SCALE, or out/reproduce/ID where no model is tuned.
"""

import argparse
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flan_jax import manifest
from flan_jax.command import configuration, study_table
from flan_jax.command.bindings import read_bindings
from flan_jax.command.compile_study import compile_study
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.quiet import import_tensorflow
from flan_jax.command.study_runs import (
    Loaded,
    announce,
    carry_out,
    check_runs,
    load_runs,
    preparing,
    print_plan,
    without_preparing,
)
from flan_jax.errors import UnknownName, UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run
from flan_jax.studies.study import PlannedRun


def main(arguments: list[str]) -> int:
    """Carries out the unfinished runs of a study, prints their commands, or lists the studies."""
    options, bindings = _parse(arguments)
    import_tensorflow()
    from flan_jax import catalogue
    from flan_jax.studies.file_studies import FILE_STUDIES
    from flan_jax.studies.file_study import write_file_study

    catalogue.load()
    if options.judge:
        _check_judge(options)
    if options.id in FILE_STUDIES:
        _refuse_options_of_runs(options, bindings)
        root = bindings.get('MODEL_DIR', os.path.join('out', 'reproduce', options.id))
        files = _parsed(options, root)
        CONSOLE.print(f'report: {write_file_study(root, FILE_STUDIES[options.id], files)}')
        return 0
    if options.files or options.parser:
        raise UserError(f'{"--from" if options.files else "--parser"}: {options.id} reads no files; remove this option')
    if options.list:
        study_table.print_studies()
        return 0
    given, make_data = _with_defaults(options, bindings)
    work = _study(options, given)
    loaded = load_runs(work.runs, given)
    make_data()
    if options.compile:
        compile_study(loaded)
        return 0
    _check(work, loaded, options.corpus)
    if options.plan:
        print_plan(loaded, _command([*(word for word in arguments if word != '--plan'), '--join']))
        return 0
    if options.join:
        work.check([pair for pair in preparing(loaded) if announce(*pair).finished])
    else:
        carry_out(loaded, work.check)
    CONSOLE.print(f'report: {work.write(loaded)}')
    return 0


def _parsed(options: argparse.Namespace, root: str) -> Sequence[pathlib.Path]:
    """The files that a study reads; with a parser, the files of their parses, which are written first."""
    from flan_jax.studies import gpt4llm
    from flan_jax.studies.parsing import parse_files

    if not options.parser:
        return options.files
    if options.id != gpt4llm.FIGURE_1.id:
        raise UserError(f'--parser={options.parser}: only {gpt4llm.FIGURE_1.id} uses a parser; remove this option')
    gpt4llm.FIGURE_1.check(options.files)
    return parse_files(options.files, options.parser, os.path.join(root, 'parses'))


@dataclasses.dataclass(frozen=True)
class Work:
    """The runs of a study, and its functions.

    Attributes:
      runs: its runs in order of dependence: runs that prepare the base of others come first.
      write: writes the study's page from the runs, and returns the page's path.
      check: raises UserError if no run can start from the runs that prepare their base.
      check_data: raises UserError if data is missing.
    """

    runs: Sequence[PlannedRun]
    write: Callable[[Loaded], os.PathLike]
    check: Callable[[Loaded], None] = lambda prepared: None
    check_data: Callable[[Run], None] = lambda run: None


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax reproduce',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('id', nargs='?', help='table or figure to reproduce, such as flan.figure6; see --list')
    parser.add_argument('--list', action='store_true', help='list all tables and figures, with contents and cost')
    parser.add_argument(
        '--scale',
        choices=('small', 'paper', 'own'),
        default='small',
        help='size of the models; own: as the gin files set it (default: small)',
    )
    parser.add_argument('--gin_file', action='append', default=[], metavar='FILE', help='gin file of every run')
    parser.add_argument('--seeds', type=int, default=1, help='number of seeds per arm, for intervals (default: 1)')
    parser.add_argument(
        '--clusters', type=lambda text: text.split(','), default=[], metavar='A,B', help='only these held-out clusters'
    )
    _add_inputs(parser)
    parser.add_argument(
        '--limit', type=int, help='maximum number of evaluated examples per dataset, template and split'
    )
    parser.add_argument('--plan', action='store_true', help='print the missing commands instead of running them')
    parser.add_argument('--compile', action='store_true', help='only compile: find the TPU slice that each model needs')
    parser.add_argument('--join', action='store_true', help='only write the page, from the runs that are finished')
    options, others = parser.parse_known_args(arguments)
    if bool(options.id) == options.list:
        raise UserError('give the id of one table or figure, or --list to see all')
    if options.seeds < 1:
        raise UserError(f'--seeds={options.seeds}: must be at least 1')
    options.command = _command(word for word in arguments if word not in ('--plan', '--join'))
    return options, read_bindings(others)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for files and models that single tables and figures read."""
    parser.add_argument(
        '--corpus', help='for flan.contamination: text:FILES, jsonl:FILES:FIELD or tfds:NAME:FIELD; default: the stream'
    )
    parser.add_argument(
        '--from',
        dest='files',
        nargs='+',
        type=pathlib.Path,
        default=[],
        help='files from which a table or figure without runs is computed',
    )
    parser.add_argument(
        '--parser', metavar='PIPELINE', help='for gpt4llm.figure1: the spaCy pipeline that parses the files'
    )
    parser.add_argument(
        '--judge',
        metavar='CHECKPOINT',
        help='for head-to-head comparisons: a reward model or language model; default: the base model',
    )


def _command(words: Iterable[str]) -> str:
    return configuration.joined(['flan-jax', 'reproduce', *words])


def _refuse_options_of_runs(options: argparse.Namespace, bindings: Mapping[str, str]) -> None:
    """Raises UserError for options and bindings that only studies with runs read."""
    given = {
        '--scale': options.scale != 'small',
        '--seeds': options.seeds != 1,
        '--limit': options.limit is not None,
        **{
            f'--{name}': getattr(options, name)
            for name in ('gin_file', 'clusters', 'corpus', 'plan', 'compile', 'join')
        },
        **{f'--gin.{name}': name != 'MODEL_DIR' for name in bindings},
    }
    if unread := [name for name, is_given in given.items() if is_given]:
        raise UserError(f'{unread[0]}: {options.id} is computed from files and has no runs; remove this option')


def _with_defaults(
    options: argparse.Namespace, bindings: Mapping[str, str]
) -> tuple[dict[str, str], Callable[[], None]]:
    """The bindings with defaults, and a function that prepares the data that they name.

    The study's folder is a default; so are the bundled samples, at the small scale and if there is no prepared data.
    The function is to be called after all other checks.
    """
    given = {'MODEL_DIR': os.path.join('out', 'reproduce', f'{options.id}_{options.scale}')} | dict(bindings)
    if options.compile:
        given = _not_needed(options) | given
    if options.limit is not None:
        given['EVAL_LIMIT'] = str(options.limit)
    named = {'TFDS_DATA_DIR', 'Data.tfds_data_dir'} & {*given, *os.environ}
    of_samples = not options.id.startswith('hewitt.')  # its instruction data has no bundled samples
    of_data: dict[str, str] = {}
    make_data: Callable[[], None] = _nothing
    if options.id in ('miniature', 'hewitt.miniature'):
        of_data, make_data = study_table.miniature(given['MODEL_DIR'])
    elif options.scale == 'small' and not named and not options.gin_file and of_samples:
        of_data, make_data = study_table.samples(given['MODEL_DIR'])
    return of_data | given, make_data


def _nothing() -> None:
    """Prepares nothing: the data exists."""


def _not_needed(options: argparse.Namespace) -> dict[str, str]:
    """Bindings of the macros that gin files leave unbound and compiling does not need."""
    from flan_jax.studies.study import SCALE_FILES, SET_BY_STUDIES

    missing = configuration.missing_macros((*SCALE_FILES[options.scale], *options.gin_file))
    return dict.fromkeys(set(missing) - set(SET_BY_STUDIES), 'unused')


def _study(options: argparse.Namespace, given: Mapping[str, str]) -> Work:
    """The runs and functions of the study that the options name."""
    from flan_jax.studies import contamination, flan, head_to_head_tables, hewitt, leave_one_out, stilts
    from flan_jax.studies.file_studies import FILE_STUDIES
    from flan_jax.studies.hewitt_miniature import MINIATURE as HEWITT_MINIATURE
    from flan_jax.studies.leave_one_out_report import write_study_report
    from flan_jax.studies.miniature import MINIATURE
    from flan_jax.studies.study import SCALE_FILES
    from flan_jax.studies.study_report import write_study

    root, tables = given['MODEL_DIR'], leave_one_out.TABLES | {contamination.TABLE.id: contamination.TABLE}
    if options.corpus and options.id != contamination.TABLE.id:
        raise UserError(
            f'--corpus={options.corpus}: only {contamination.TABLE.id} searches a corpus; remove this option'
        )
    if options.id in tables:
        if options.seeds > 1:
            raise UserError(f'--seeds={options.seeds}: {options.id} has one run per cluster; remove this option')
        files = (*SCALE_FILES[options.scale], *options.gin_file)
        runs = tables[options.id].runs(root, files, given, options.clusters)
        if options.id == contamination.TABLE.id:
            return Work(runs, lambda loaded: _write_contamination(root, loaded, options.corpus))
        expected = leave_one_out.chosen_clusters(tables[options.id].clusters)
        return Work(
            runs, lambda loaded: write_study_report(configuration.load(files, given), expected, options.command)
        )
    miniatures = {study.id: study for study in (MINIATURE, HEWITT_MINIATURE)}
    of_hewitt = {**hewitt.STUDIES, **head_to_head_tables.STUDIES}
    studies: dict[str, Any] = {**flan.STUDIES, **miniatures, **stilts.STUDIES, **of_hewitt}
    if options.id not in studies:
        raise UnknownName('study', options.id, [*tables, *studies, *FILE_STUDIES])
    if options.clusters:
        raise UserError(f'--clusters: {options.id} has fixed held-out clusters; remove this option')
    study = studies[options.id]
    runs = study.runs(options.scale, root, options.gin_file, given, options.seeds)
    if options.id in of_hewitt:
        return _of_hewitt(study, root, runs, options.judge)
    return Work(runs, lambda loaded: write_study(root, study, options.scale, loaded, options.command), study.check)


def _of_hewitt(table, root: str, runs: Sequence[PlannedRun], judge: str | None) -> Work:
    """The runs and functions of a table that is computed with the models of its runs."""
    from flan_jax.command.evaluate import open_model
    from flan_jax.studies.head_to_head import write_head_to_head
    from flan_jax.studies.hewitt import RankingTable
    from flan_jax.studies.response_ranking import write_ranking

    def write(loaded: Loaded) -> os.PathLike:
        finished = without_preparing(loaded)
        if isinstance(table, RankingTable):
            return write_ranking(root, table, finished, open_model)
        return write_head_to_head(root, table, finished, functools.partial(_judge, judge))

    return Work(runs, write, check_data=table.check_data)


def _check(work: Work, loaded: Loaded, corpus: str | None) -> None:
    """Raises UserError for existing models with other settings, missing data, or an unknown corpus."""
    check_runs(loaded)
    some = loaded[-1][1]
    prepare_libraries(some.data)
    work.check_data(some)
    if corpus:
        from flan_jax.data.overlap.corpus import check_corpus

        check_corpus(corpus, loaded[0][1].data.tfds_data_dir)


def _check_judge(options: argparse.Namespace) -> None:
    from flan_jax.evaluation.judges.by_model import require_judge
    from flan_jax.studies import head_to_head_tables

    if options.id not in head_to_head_tables.STUDIES:
        raise UserError(f'--judge={options.judge}: {options.id} has no judge; remove this option')
    require_judge(options.judge)


def _judge(checkpoint: str | None, run: Run):
    """The judge that is named, or by default the base model of a run."""
    from flan_jax.evaluation.judges.by_model import judge_of
    from flan_jax.loaded_model import load

    model = load(checkpoint or run.initial_checkpoint)
    return judge_of(model, run.evaluation.batch_tokens, checkpoint or 'the base model itself')


def _write_contamination(root: str, loaded: Loaded, corpus: str | None):
    """Writes the page of overlaps with a corpus or, by default, with each run's stream, certifying runs if needed."""
    from flan_jax.command.certify import certify
    from flan_jax.data.overlap.corpus import corpus_texts
    from flan_jax.studies.contamination import write_contamination
    from flan_jax.studies.run_evaluation import eval_set_of

    runs = [run for _, run in loaded]
    if corpus:
        return write_contamination(root, runs, corpus, corpus_texts(corpus, runs[0].data.tfds_data_dir))
    for run in runs:
        if manifest.exists(run.model_dir):
            certify(run, eval_set_of(run))
    return write_contamination(root, runs)
