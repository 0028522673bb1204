"""flan-jax evaluate MODEL...: evaluates several models on the same datasets, without a gin file.

A model is a Hugging Face folder, a run, a checkpoint of a run, or a converted model; NAME=FOLDER sets its name in the
report. Records, report.html and report.json are written to --output, and results in the format of
lm-evaluation-harness to OUTPUT/lm_eval/NAME. Examples that have a record there are not evaluated again.
"""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from etils import epath
from rich.table import Table

from flan_jax.command.catalogue_arguments import catalogue_arguments, load_catalogue
from flan_jax.command.compilation_cache import keep_compiled_programs
from flan_jax.command.tables import print_table
from flan_jax.errors import UserError
from flan_jax.files import require_writable, write_whole
from flan_jax.progress import CONSOLE

if TYPE_CHECKING:
    from flan_jax.evaluation.eval_set import EvalSet
    from flan_jax.evaluation.records import ModelRecords

LM_EVAL = 'lm_eval'
"""Folder of the results in the format of lm-evaluation-harness."""


def main(arguments: list[str]) -> int:
    """Evaluates what has no records yet, prints the table, writes the report."""
    options = _parse(arguments)
    paths = named(options.models)
    require_writable(options.output, '--output')
    load_catalogue(options)
    keep_compiled_programs()
    eval_set = _eval_set(options)
    eval_set.require_exemplars()
    asked = list(_asked(eval_set, paths, options))
    _evaluate(asked, options)
    _report(eval_set, asked, options.output)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax evaluate',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[catalogue_arguments()],
    )
    parser.add_argument('models', nargs='+', metavar='MODEL', help='folder of a model, or NAME=FOLDER')
    parser.add_argument('--tasks', required=True, help='clusters and datasets, separated by commas')
    parser.add_argument('--shots', default='0', help='numbers of few-shot exemplars, separated by commas (default: 0)')
    parser.add_argument('--templates', default='', help='numbers of templates, separated by commas (default: all)')
    parser.add_argument('--limit', type=int, help='maximum number of examples per dataset and template (default: all)')
    parser.add_argument(
        '--score', default='sum', help='score by which options are ranked (default: sum, of log-probabilities)'
    )
    parser.add_argument('--prompt_format', help='prompt format of all models (default: that of each model)')
    parser.add_argument(
        '--input_length', type=int, default=1024, help='maximum length of a prompt in tokens (default: 1024)'
    )
    parser.add_argument(
        '--max_new_tokens', type=int, default=256, help='maximum length of a generated answer in tokens (default: 256)'
    )
    parser.add_argument('--batch_tokens', type=int, default=8192, help='tokens in a batch (default: 8192)')
    parser.add_argument('--output', default='out/evaluate', help='folder to write to (default: out/evaluate)')
    return parser.parse_intermixed_args(arguments)


def named(models: list[str]) -> dict[str, str]:
    """Name to folder; raises UserError if two models have the same name."""
    found: dict[str, str] = {}
    for argument in models:
        name, equals, path = argument.partition('=')
        name, path = (name, path) if equals else (pathlib.PurePath(argument).name, argument)
        if name in found:
            raise UserError(
                f'two models are called {name!r}: {found[name]} and {path}; set different names, such as NAME={path}'
            )
        if not name or not path or '/' in name:
            raise UserError(f'cannot read {argument!r}; give a folder, or NAME=FOLDER')
        found[name] = path
    return found


def _eval_set(options: argparse.Namespace):
    """The datasets that the options name; raises UserError if they cannot be evaluated."""
    from flan_jax.evaluation.eval_set import EvalSet, prepared_datasets
    from flan_jax.evaluation.selection import named_datasets
    from flan_jax.evaluation.settings import Evaluation

    evaluation = Evaluation(
        targets=tuple(filter(None, options.tasks.split(','))),
        splits=('test',),
        limit=options.limit,
        templates=_numbers('templates', options.templates),
        shots=_numbers('shots', options.shots),
        score=options.score,
        batch_tokens=options.batch_tokens,
    )
    named = named_datasets(evaluation, None)
    datasets = prepared_datasets(named, options.data_dir, allow_missing=False, setting=None)
    lengths = {'inputs': options.input_length, 'targets': options.max_new_tokens}
    return EvalSet(evaluation, datasets, lengths, options.data_dir, seed=0)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(',') if number)
    except ValueError as error:
        raise UserError(f'--{name}={text}: expected numbers separated by commas, such as 0,5') from error


def _records(path: str, name: str, options: argparse.Namespace):
    """The records of a model, which is not loaded; raises UserError if there is no such model."""
    from flan_jax.data.formats import format_named
    from flan_jax.evaluation.model_identity import model_identity
    from flan_jax.evaluation.records import ModelRecords
    from flan_jax.loaded_model import vocabulary_and_format

    vocabulary, prompt_format = vocabulary_and_format(path)
    prompt_format = format_named(options.prompt_format) if options.prompt_format else prompt_format
    settings = {
        'weights': model_identity(path),
        'vocabulary': vocabulary.fingerprint,
        'prompt_format': prompt_format.recipe,
    }
    return ModelRecords(options.output, name, settings)


class _Asked(NamedTuple):
    """A model with the datasets to evaluate; a model with several soft prompts per task has one for each prompt."""

    name: str
    path: str
    eval_set: EvalSet
    records: ModelRecords


def _asked(eval_set: EvalSet, paths: Mapping[str, str], options: argparse.Namespace) -> Iterator[_Asked]:
    from flan_jax.evaluation.soft_prompts import each_prompt

    for name, path in paths.items():
        for part, records in each_prompt(eval_set, _records(path, name, options)):
            yield _Asked(f'{name}_prompt_{records.prompt}' if records.prompt > 1 else name, path, part, records)


def _evaluate(asked: Sequence[_Asked], options: argparse.Namespace) -> None:
    from flan_jax.data.formats import format_named
    from flan_jax.evaluation.evaluate import evaluate
    from flan_jax.loaded_model import load

    prompt_format = format_named(options.prompt_format) if options.prompt_format else None
    for _, path, part, records in asked:
        evaluate(functools.partial(load, path, prompt_format=prompt_format), part, records)


def _report(eval_set: EvalSet, asked: Sequence[_Asked], output: str) -> None:
    from flan_jax.reports.lm_eval_results import lm_eval_results
    from flan_jax.reports.models import lines, write_models_report
    from flan_jax.reports.result_lines import results_by_model

    paths, models = {one.name: one.path for one in asked}, {one.name: one.records for one in asked}
    found = results_by_model(eval_set, models)
    print_table(_table(lines(found), list(models)))
    for name, results in found.items():
        for shots in sorted({result.shots for result in results}):
            of_shots = [result for result in results if result.shots == shots]
            content = lm_eval_results(paths[name], of_shots, eval_set.evaluation.limit)
            path = epath.Path(output) / LM_EVAL / name / f'results_{shots}_shot.json'
            write_whole(path, json.dumps(content, indent=2))
    page = write_models_report(output, eval_set, models, paths, found)
    CONSOLE.print(f'report: {page}', soft_wrap=True)


def _table(by_line: Mapping, names: list[str]) -> Table:
    """Mean and standard deviation over templates, with a column for each model."""
    table = Table('dataset', 'shots', 'score', 'examples', *names, box=None)
    for (name, shots), by_model in by_line.items():
        some = next(iter(by_model.values()))
        cells = [f'{r.mean:.1f} ± {r.std:.1f}' if (r := by_model.get(model)) else '–' for model in names]
        table.add_row(name, str(shots), some.headline, f'{some.num_examples} x {len(some.templates)}', *cells)
    return table
