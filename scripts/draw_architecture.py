"""Draws docs/architecture.md from the imports of the code: the rooms, what each is for, and which rooms it builds on.

python scripts/draw_architecture.py           # writes the page
python scripts/draw_architecture.py --check   # says whether the page shows the code as it is
"""

import ast
import pathlib
import sys
from collections.abc import Iterator, Mapping

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'architecture.md'
BEGIN, END = '<!-- drawn from the code: begin -->', '<!-- drawn from the code: end -->'

GROUND = ('errors', 'files', 'progress', 'settings', 'stand_ins', 'terminal')
"""Modules that every room may use; the drawing leaves them out."""

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
"""The journey of an example; what stands beside it is in none of the stages."""


def modules() -> dict[str, pathlib.Path]:
    """Dotted name to file, for the library and its catalogue of datasets."""
    found = {}
    for folder, package in (('flan_jax', 'flan_jax'), ('tasks', 'flan_jax.tasks')):
        for path in sorted((ROOT / folder).rglob('*.py')):
            parts = path.relative_to(ROOT / folder).with_suffix('').parts
            found['.'.join((package, *parts)).removesuffix('.__init__')] = path
    return found


def room_of(module: str) -> str:
    """The room of a module: a folder of the library, or a module that lies in none."""
    parts = module.split('.')
    return parts[1] if len(parts) > 1 else ''


def imported(path: pathlib.Path, known: Mapping[str, pathlib.Path]) -> Iterator[str]:
    """The library's modules that a file imports, also within its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith('flan_jax'):
            for alias in node.names:
                name = f'{node.module}.{alias.name}'
                yield name if name in known else node.module


def arrows() -> dict[str, set[str]]:
    """Room to the rooms that it imports."""
    known = modules()
    rooms: dict[str, set[str]] = {}
    for module, path in known.items():
        room = room_of(module)
        targets = {room_of(target) for target in imported(path, known)} - {room, ''}
        rooms.setdefault(room, set()).update(targets)
    rooms.pop('', None)
    rooms.pop('__main__', None)
    return rooms


def floors(rooms: Mapping[str, set[str]]) -> dict[str, int]:
    """Room to its height above the ground; raises ValueError where arrows run in a circle."""
    heights: dict[str, int] = {}

    def height(room: str, below: tuple[str, ...] = ()) -> int:
        if room in below:
            raise ValueError('a circle of imports: ' + ' -> '.join((*below[below.index(room) :], room)))
        if room not in heights:
            heights[room] = 1 + max((height(target, (*below, room)) for target in rooms[room]), default=0)
        return heights[room]

    for room in rooms:
        height(room)
    return heights


def drawing() -> str:
    """The part of the page that follows from the code."""
    rooms = arrows()
    heights = floors(rooms)
    shown = {room: targets - set(GROUND) for room, targets in rooms.items() if room not in GROUND}
    reduced = {room: targets - _reached(shown, targets) for room, targets in shown.items()}
    lines = ['```mermaid', 'flowchart BT']
    stage_of = {room: stage for stage, members in STAGES.items() for room in members}
    lines += [f'  {_node(room)}["{room}{_stage(stage_of.get(room))}"]' for room in sorted(shown, key=_order(heights))]
    lines += [f'  {_node(t)} --> {_node(r)}' for r in sorted(shown, key=_order(heights)) for t in sorted(reduced[r])]
    lines += ['```', '', '| floor | room | what it is for | builds on |', '|---|---|---|---|']
    for room in sorted(rooms, key=_order(heights), reverse=True):
        targets = ', '.join(sorted(shown.get(room, ())))
        lines.append(f'| {heights[room]} | `{room}` | {_purpose(room)} | {targets} |')
    return '\n'.join(lines)


def _order(heights: Mapping[str, int]):
    return lambda room: (heights[room], room)


def _node(room: str) -> str:
    return f'r_{room}'


def _stage(stage: str | None) -> str:
    return f'<br/><i>{stage}</i>' if stage else ''


def _reached(rooms: Mapping[str, set[str]], targets: set[str]) -> set[str]:
    """The rooms below the targets, which need no arrow of their own."""
    below = {room for target in targets for room in rooms[target]}
    return below | (_reached(rooms, below) if below else set())


def _files(room: str) -> list[pathlib.Path]:
    folder = ROOT / 'tasks' if room == 'tasks' else ROOT / 'flan_jax' / room
    return sorted(folder.rglob('*.py')) if folder.is_dir() else [folder.with_suffix('.py')]


def _purpose(room: str) -> str:
    """The first sentence of the room's docstring."""
    text = ast.get_docstring(ast.parse(_files(room)[0].read_text())) or ''
    return ' '.join(text.split('\n\n')[0].split())


def page() -> str:
    """The whole page, with the drawing as it should be."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    return f'{before}{BEGIN}\n\n{drawing()}\n\n{after}'


if __name__ == '__main__':
    if '--check' not in sys.argv:
        PAGE.write_text(page())
    elif page() != PAGE.read_text():
        sys.exit(f'{PAGE} does not show the code as it is; run python scripts/draw_architecture.py')
