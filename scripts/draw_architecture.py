"""Draws docs/architecture.md from the imports of the code: the packages, their purpose, and what they build on.

python scripts/draw_architecture.py           # writes the page
python scripts/draw_architecture.py --check   # fails if the page differs from the code
"""

import ast
import pathlib
import sys
from collections.abc import Iterator, Mapping

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'architecture.md'
BEGIN, END = '<!-- drawn from the code: begin -->', '<!-- drawn from the code: end -->'

SHARED = ('errors', 'files', 'progress', 'settings', 'stand_ins', 'terminal')
"""Modules that all packages may use; the drawing leaves them out."""

STAGES = {
    'declared': ('tasks', 'catalogue'),
    'prepared, rendered': ('data', 'tokenizers'),
    'packed': ('packing',),
    'learned': ('model', 'objectives', 'tuning', 'training'),
    'scored, generated': ('inference',),
    'judged': ('metrics', 'evaluation'),
    'reported': ('reports',),
    'repeated': ('studies',),
}
"""The path of an example through the packages; packages beside the path have no stage."""


def modules() -> dict[str, pathlib.Path]:
    """Dotted name to file, for the library and its catalogue of datasets."""
    found = {}
    for folder, package in (('flan_jax', 'flan_jax'), ('tasks', 'flan_jax.tasks')):
        for path in sorted((ROOT / folder).rglob('*.py')):
            parts = path.relative_to(ROOT / folder).with_suffix('').parts
            found['.'.join((package, *parts)).removesuffix('.__init__')] = path
    return found


def package_of(module: str) -> str:
    """The package of a module: a folder of the library, or the module itself if it is in none."""
    parts = module.split('.')
    return parts[1] if len(parts) > 1 else ''


def imported(path: pathlib.Path, known: Mapping[str, pathlib.Path]) -> Iterator[str]:
    """The library's modules that a file imports, including imports within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith('flan_jax'):
            for alias in node.names:
                name = f'{node.module}.{alias.name}'
                yield name if name in known else node.module


def arrows() -> dict[str, set[str]]:
    """The packages that each package imports."""
    known = modules()
    packages: dict[str, set[str]] = {}
    for module, path in known.items():
        package = package_of(module)
        targets = {package_of(target) for target in imported(path, known)} - {package, ''}
        packages.setdefault(package, set()).update(targets)
    packages.pop('', None)
    packages.pop('__main__', None)
    return packages


def levels(packages: Mapping[str, set[str]]) -> dict[str, int]:
    """The level of each package, one above the highest that it imports; raises ValueError for an import cycle."""
    level_of: dict[str, int] = {}

    def level(package: str, below: tuple[str, ...] = ()) -> int:
        if package in below:
            raise ValueError('import cycle: ' + ' -> '.join((*below[below.index(package) :], package)))
        if package not in level_of:
            level_of[package] = 1 + max((level(target, (*below, package)) for target in packages[package]), default=0)
        return level_of[package]

    for package in packages:
        level(package)
    return level_of


def drawing() -> str:
    """The generated part of the page."""
    packages = arrows()
    level_of = levels(packages)
    shown = {package: targets - set(SHARED) for package, targets in packages.items() if package not in SHARED}
    reduced = {package: targets - _reached(shown, targets) for package, targets in shown.items()}
    lines = ['```mermaid', 'flowchart BT']
    stage_of = {package: stage for stage, members in STAGES.items() for package in members}
    lines += [
        f'  {_node(package)}["{package}{_stage(stage_of.get(package))}"]'
        for package in sorted(shown, key=_order(level_of))
    ]
    lines += [f'  {_node(t)} --> {_node(r)}' for r in sorted(shown, key=_order(level_of)) for t in sorted(reduced[r])]
    lines += ['```', '', '| level | package | what it is for | builds on |', '|---|---|---|---|']
    for package in sorted(packages, key=_order(level_of), reverse=True):
        targets = ', '.join(sorted(shown.get(package, ())))
        lines.append(f'| {level_of[package]} | `{package}` | {_purpose(package)} | {targets} |')
    return '\n'.join(lines)


def _order(level_of: Mapping[str, int]):
    return lambda package: (level_of[package], package)


def _node(package: str) -> str:
    return f'p_{package}'


def _stage(stage: str | None) -> str:
    return f'<br/><i>{stage}</i>' if stage else ''


def _reached(packages: Mapping[str, set[str]], targets: set[str]) -> set[str]:
    """The packages below the targets, to which no arrow is needed."""
    below = {package for target in targets for package in packages[target]}
    return below | (_reached(packages, below) if below else set())


def _files(package: str) -> list[pathlib.Path]:
    folder = ROOT / 'tasks' if package == 'tasks' else ROOT / 'flan_jax' / package
    return sorted(folder.rglob('*.py')) if folder.is_dir() else [folder.with_suffix('.py')]


def _purpose(package: str) -> str:
    """The first sentence of the package's docstring."""
    text = ast.get_docstring(ast.parse(_files(package)[0].read_text())) or ''
    return ' '.join(text.split('\n\n')[0].split())


def page() -> str:
    """The whole page with an up-to-date drawing."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    return f'{before}{BEGIN}\n\n{drawing()}\n\n{after}'


if __name__ == '__main__':
    if '--check' not in sys.argv:
        PAGE.write_text(page())
    elif page() != PAGE.read_text():
        sys.exit(f'{PAGE} does not show the code as it is; run python scripts/draw_architecture.py')
