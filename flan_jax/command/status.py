"""flan-jax status RUN...: shows the progress of runs, from another shell."""

import argparse
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epath
from rich.markup import escape
from rich.table import Table

from flan_jax.command.tables import counted, print_table
from flan_jax.errors import UserError
from flan_jax.files import in_bucket


def main(arguments: list[str]) -> None:
    """Prints what is known of each run, without touching it."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog='flan-jax status', description=__doc__)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folder of a run (its MODEL_DIR)')
    for model_dir in parser.parse_args(arguments).runs:
        table = Table(box=None, show_header=False, title=escape(model_dir), title_justify='left')
        for name, found in status_of(model_dir):
            table.add_row(name, escape(found))
        print_table(table)


def status_of(model_dir: str) -> Iterator[tuple[str, str]]:
    """Names and values of what a run has done so far.

    Raises:
      UserError: for a folder that holds no run, or a damaged file in it.
    """
    from flan_jax import manifest
    from flan_jax.distributed.lock import at_work
    from flan_jax.evaluation import records
    from flan_jax.objectives.objective import LOSS
    from flan_jax.training import checkpoints, metrics_log

    root, worker = epath.Path(model_dir), at_work(model_dir)
    if not manifest.exists(root):
        if not worker or in_bucket(root):  # where nobody can know, a folder without a run looks alike
            raise UserError(f'{model_dir}: contains no run; give the MODEL_DIR of a run')
        yield 'process', worker
        yield 'tuned', 'not started: data is checked and packed first'
        return
    training = manifest.read(root)['run']
    noted, saved = metrics_log.read(root), checkpoints.latest_step(root)
    lines = [line for line in noted if LOSS in line]  # others are of evaluations
    yield 'process', worker or 'none'
    yield 'tuned', _tuned(training, noted, saved)
    if lines:
        yield 'loss', f'{lines[-1][LOSS]:.3f} at step {lines[-1]["step"]:,}'
        yield 'speed', _speed(training, lines)
    yield 'saved', f'step {saved:,}' if saved else 'no checkpoint yet'
    for model in records.models_in(root):
        folders = records.folders_in(records.model_folder(root, model))
        files = sum(len(records.complete(folder)) for folder in folders)
        yield f'evaluated {model}', f'{counted(files, "file")} of records, for {counted(len(folders), "dataset")}'
    elsewhere = training.get('evaluation', {}).get('report_dir')  # older manifests have none
    report = (epath.Path(elsewhere) if elsewhere else root) / 'report.html'
    yield 'report', str(report) if report.exists() else 'not yet'


def _tuned(run: Mapping[str, Any], lines: Sequence[Mapping[str, float]], saved: int) -> str:
    from flan_jax.evaluation.instruction_following.settings import RULE_MET

    total, done = run['training']['steps'], max([saved, *(int(line['step']) for line in lines[-1:])])
    curve = run.get('ifs_curve')
    if curve and curve['ends_tuning'] and any(line.get(RULE_MET) for line in lines):
        return f'{done:,} of {total:,} steps, ended early because the model follows instructions (Run.ifs_curve)'
    if total:
        return f'{done:,} of {total:,} steps ({done / total:.0%})'
    epochs = [f', epoch {line["epoch"]:.2f} of {run["stream"]["epochs"]}' for line in lines[-1:] if 'epoch' in line]
    return f'{done:,} steps{"".join(epochs)}'


def _speed(run: Mapping[str, Any], lines: Sequence[Mapping[str, float]]) -> str:
    """Tokens per second, and how long the steps that are left will take at that."""
    speed, total = lines[-1].get('tokens_per_second'), run['training']['steps']
    if not speed:
        return 'not known yet'
    tokens = run['training']['batch_size'] * run['stream']['sequence_length']
    left = max(0, (total or 0) - int(lines[-1]['step'])) * tokens / speed
    ends = f'; {datetime.timedelta(seconds=round(left))} to go' if left else ''
    return f'{speed:,.0f} tokens/s{ends}'
