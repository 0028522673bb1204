"""What lies beside a report for other programs: its table as CSV and LaTeX, its figures as SVG and PNG."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.files import whole_file, write_whole
from flan_jax.reports.charts import svg_of
from flan_jax.reports.csv_text import csv_text
from flan_jax.reports.study_charts import png_of

Line = Mapping[str, Any]
"""A line of a report's table: name, shots, metric, num_examples, and results by model.

`few_shot`, where it is there, has the shots and the results by model of the same dataset with exemplars.
"""

_COLUMNS = ('dataset', 'shots', 'metric', 'examples', 'model', 'mean', 'std', 'low', 'high', 'best_dev')

_LATEX = {
    '\\': r'\textbackslash{}', '&': r'\&', '%': r'\%', '$': r'\$', '#': r'\#', '_': r'\_', '{': r'\{', '}': r'\}',
    '~': r'\textasciitilde{}', '^': r'\textasciicircum{}',
}  # fmt: skip


def write_beside(folder: epath.PathLike, lines: Sequence[Line], figures: Mapping[str, Any]) -> dict[str, str]:
    """Writes results.csv, templates.csv and results.tex, where there are results, and each figure as SVG and PNG.

    Returns:
      The figures as svg elements, by name.
    """
    folder, lines = epath.Path(folder), list(_by_shots(lines))
    if lines:
        write_whole(folder / 'results.csv', csv_text(_COLUMNS, _results(lines)))
        columns = ('dataset', 'shots', 'model', 'template', 'split', 'metric', 'score')
        write_whole(folder / 'templates.csv', csv_text(columns, _templates(lines)))
        write_whole(folder / 'results.tex', latex_table(lines))
    for name, figure in figures.items():
        with whole_file(folder / f'{name}.png') as unfinished:
            unfinished.write_bytes(png_of(figure))
    pictures = {name: svg_of(figure) for name, figure in figures.items()}
    for name, picture in pictures.items():
        write_whole(folder / f'{name}.svg', picture)
    return pictures


def _by_shots(lines: Sequence[Line]) -> Iterator[Line]:
    """A line for each number of shots."""
    for line in lines:
        yield line
        yield from ({**line, **few_shot} for few_shot in line.get('few_shot', ()))


def latex_table(lines: Sequence[Line]) -> str:
    """The table for a paper, with the rules of the booktabs package: mean and std over templates, a column a model."""
    models = list(dict.fromkeys(model for line in lines for model in line['models']))
    head = ' & '.join(['Dataset', 'Shots', 'Metric', *map(_latex, models)])
    rows = [
        ' & '.join([_latex(line['name']), str(line['shots']), _latex(line['metric']), *_cells(line, models)])
        for line in lines
    ]
    body = ' \\\\\n'.join(rows)
    return (
        f'% needs \\usepackage{{booktabs}}\n\\begin{{tabular}}{{lll{"r" * len(models)}}}\n\\toprule\n{head} \\\\\n'
        f'\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}\n'
    )


def _cells(line: Line, models: Sequence[str]) -> Iterator[str]:
    for model in models:
        found = line['models'].get(model)
        yield f'{found["mean"]:.1f} $\\pm$ {found["std"]:.1f}' if found else '--'


def _latex(text: str) -> str:
    return ''.join(_LATEX.get(letter, letter) for letter in text)


def _results(lines: Sequence[Line]) -> Iterator[tuple]:
    for line in lines:
        for model, found in line['models'].items():
            numbers = (found['mean'], found['std'], *found['interval'], found['best_dev'])
            yield line['name'], line['shots'], line['metric'], line['num_examples'], model, *numbers


def _templates(lines: Sequence[Line]) -> Iterator[tuple]:
    for line in lines:
        for model, found in line['models'].items():
            for template in found['templates']:
                for split in ('test', 'validation'):
                    for metric, score in template[split].items():
                        yield line['name'], line['shots'], model, template['template'], split, metric, score
