"""A study that needs no model: a table or figure computed from files, such as those that a paper published."""

import csv
import dataclasses
import io
import pathlib
from collections.abc import Callable, Mapping, Sequence

from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import whole_file, write_whole
from flan_jax.reports.charts import COLOURS, WIDTH, plt, svg_of
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.study_charts import png_of

Cells = Mapping[str, Mapping[str, float | None]]
"""Row to column to value."""

_TEMPLATE = pathlib.Path(__file__).parent / 'file_study.html'


@dataclasses.dataclass(frozen=True)
class Table:
    """What was computed, and what the paper prints.

    Attributes:
      ours: the computed values; rows have the same columns, in order.
      paper: the printed ones.
      drawn: the column that the figure shows.
    """

    ours: Cells
    paper: Cells
    drawn: str

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(column for row in self.ours.values() for column in row))


@dataclasses.dataclass(frozen=True)
class FileStudy:
    """A table or figure that is computed from files.

    Attributes:
      id: what the command calls it.
      title: what is asked.
      source: the paper's table or figure.
      reads: which files it reads.
      make: from those files to the table; raises UserError for others.
      note: what a reader must know to compare.
      needs_files: whether there is nothing to compute without.
    """

    id: str
    title: str
    source: str
    reads: str
    make: Callable[[Sequence[pathlib.Path]], Table]
    note: str = ''
    needs_files: bool = True

    def check(self, files: Sequence[pathlib.Path]) -> None:
        """Raises UserError where files are missing."""
        if self.needs_files and not files:
            raise UserError(f'{self.id} is computed from files; name them: --from {self.reads}')
        if missing := [file for file in files if not file.is_file()]:
            raise UserError(f'--from {missing[0]}: no such file; {self.id} reads {self.reads}')


def write_file_study(root: epath.PathLike, study: FileStudy, files: Sequence[pathlib.Path]) -> epath.Path:
    """Writes report.html, report.json, figure.svg, figure.png and table.csv; returns the first's path.

    Raises:
      UserError: if files are missing, or are not what the study reads.
    """
    study.check(files)
    root, table = epath.Path(root), study.make(files)
    root.mkdir(parents=True, exist_ok=True)
    figure = _bars(table)
    with whole_file(root / 'figure.png') as unfinished:
        unfinished.write_bytes(png_of(figure))
    svg = svg_of(figure)
    write_whole(root / 'figure.svg', svg)
    write_whole(root / 'table.csv', _csv(table))
    content = {name: getattr(study, name) for name in ('id', 'title', 'source', 'note')} | {
        'columns': table.columns,
        'ours': table.ours,
        'paper': table.paper,
        'files': [file.name for file in files],
    }
    return write_files(root, content, page_of(_TEMPLATE, content, chart=svg, number=number))


def number(value: float | None) -> str:
    """A value as tables show it: four digits, or a whole number with all of its digits."""
    if value is None:
        return '–'
    return f'{value:,}' if isinstance(value, int) else f'{value:.4g}'


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['row', 'column', 'here', 'paper'])
    for row, of_row in table.ours.items():
        for column, value in of_row.items():
            writer.writerow([row, column, value, table.paper.get(row, {}).get(column)])
    return text.getvalue()


def _bars(table: Table):
    """The drawn column, a bar for each row, with the paper's values as stars."""
    names = list(table.ours)
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.32 * len(names)))
    axes.barh(range(len(names)), [table.ours[name][table.drawn] or 0 for name in names], color=COLOURS['tuned'])
    printed = [(table.paper.get(name, {}).get(table.drawn), place) for place, name in enumerate(names)]
    if known := [pair for pair in printed if pair[0] is not None]:
        axes.plot(*zip(*known), '*', ms=8, color=COLOURS['paper'], label="paper's")
        figure.legend(loc='outside lower right', frameon=False, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(table.drawn)
    return figure
