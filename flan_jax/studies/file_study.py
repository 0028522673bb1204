"""Studies without models: tables and figures computed from files, such as those that a paper published."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import make_folder, whole_file, write_whole
from flan_jax.reports.charts import svg_of
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.file_charts import Cells, bars
from flan_jax.reports.page import page_of, write_files
from flan_jax.reports.study_charts import png_of

_TEMPLATE = pathlib.Path(__file__).parent / 'file_study.html'


@dataclasses.dataclass(frozen=True)
class Table:
    """Computed values, and those that the paper prints.

    Attributes:
      ours: the computed values by row and column; all rows have the same columns, in order.
      paper: the printed values.
      drawn: the columns shown in the figure.
      pictures: figures by file name, instead of a bar chart of `drawn`.
      more: further tables of computed values by heading.
    """

    ours: Cells
    paper: Cells
    drawn: Sequence[str]
    pictures: Mapping[str, Callable[[], Any]] = dataclasses.field(default_factory=dict)
    more: Mapping[str, Cells] = dataclasses.field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return columns_of(self.ours)


def columns_of(cells: Cells) -> list[str]:
    """The columns of all rows, in order of first occurrence."""
    return list(dict.fromkeys(column for row in cells.values() for column in row))


@dataclasses.dataclass(frozen=True)
class FileStudy:
    """A table or figure that is computed from files.

    Attributes:
      id: its name for `flan-jax reproduce`.
      title: the question it answers.
      source: the paper's table or figure.
      reads: a description of the files it reads.
      make: from those files to the table; raises UserError for other files.
      note: caveats for the comparison with the paper.
      needs_files: whether it needs at least one file.
    """

    id: str
    title: str
    source: str
    reads: str
    make: Callable[[Sequence[pathlib.Path]], Table]
    note: str = ''
    needs_files: bool = True

    def check(self, files: Sequence[pathlib.Path]) -> None:
        """Raises UserError if files are missing."""
        if self.needs_files and not files:
            raise UserError(f'{self.id} is computed from files; give them with --from {self.reads}')
        if missing := [file for file in files if not file.is_file()]:
            raise UserError(f'--from {missing[0]}: no such file; {self.id} reads {self.reads}')


def write_file_study(root: epath.PathLike, study: FileStudy, files: Sequence[pathlib.Path]) -> epath.Path:
    """Writes report.html, report.json, table.csv and every picture as SVG and PNG; returns the path of the first.

    Raises:
      UserError: if files are missing, or have another content than the study reads.
    """
    study.check(files)
    root, table = epath.Path(root), study.make(files)
    make_folder(root)
    pictures = table.pictures or {'figure': lambda: bars(table.ours, table.paper, table.drawn)}
    charts = [_write_picture(root, name, draw()) for name, draw in pictures.items()]
    write_whole(root / 'table.csv', _csv(table))
    content = {name: getattr(study, name) for name in ('id', 'title', 'source', 'note')} | {
        'columns': table.columns,
        'ours': table.ours,
        'paper': table.paper,
        'more': table.more,
        'files': [file.name for file in files],
    }
    page = page_of(_TEMPLATE, content, charts=charts, number=number, columns_of=columns_of)
    return write_files(root, content, page)


def _write_picture(root: epath.Path, name: str, figure) -> str:
    """Writes a figure under a name; returns its SVG."""
    with whole_file(root / f'{name}.png') as unfinished:
        unfinished.write_bytes(png_of(figure))
    svg = svg_of(figure)
    write_whole(root / f'{name}.svg', svg)
    return svg


def number(value: float | None) -> str:
    """A value as a table shows it: four significant digits, or all digits of an integer."""
    if value is None:
        return '–'
    return f'{value:,}' if isinstance(value, int) else f'{value:.4g}'


def _csv(table: Table) -> str:
    return csv_text(('row', 'column', 'here', 'paper'), _rows(table))


def _rows(table: Table) -> Iterator[tuple]:
    for row, of_row in table.ours.items():
        printed = table.paper.get(row, {})
        for column in dict.fromkeys([*of_row, *printed]):
            yield row, column, of_row.get(column), printed.get(column)
