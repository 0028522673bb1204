"""Runs all benchmarks; writes their tables to docs/performance.md, with the processor on which they were measured.

    make bench
    python benchmarks/bench.py [--only training generation]   # other tables keep their last measurements

Each benchmark has fewer repetitions than when run directly.
Packing is measured only if TFDS_DATA_DIR is set to a folder of prepared datasets.
"""

import argparse
import datetime
import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
PAGE = FOLDER.parent / 'docs/performance.md'
PRINTED = FOLDER.parent / 'out/bench'
START, END = '<!-- figures: make bench -->', '<!-- end of figures -->'

RUNS = {
    'training': ['--repeats=3'],
    'rank_classification': ['--questions=4', '--repeats=2'],
    'generation': ['--prompts=8', '--repeats=2'],
    'preferences': ['--repeats=1'],
    'soft_prompts': ['--repeats=1'],
    'rule_adapter': ['--repeats=1'],
    'packing': ['--repeats=1'],
}
"""The benchmarks, and what makes them short."""

PEERS = {
    'training': ('transformers + torch', {'8 x 256, all targets': '1.2', '4 x 1,024, a quarter targets': '1.5'}),
    'rank_classification': ('lm-evaluation-harness', {}),
    'generation': ('transformers', {'': '2'}),
}
"""Whose lines are alike and make one table: the peer, and what the ratio should be (else 0.9 of its bound)."""

FLAGS = ('avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_bf16')
"""What tells processors apart where products are concerned."""

ROW = re.compile(
    r'\| (?P<name>.+?) \| (?P<ours>[\d.]+ .+?) \| (?P<theirs>[\d.]+ .+?) \| (?P<ratio>.+?) \| (?P<note>.+) \|'
)


def run(name: str) -> None:
    """Runs a benchmark, and keeps what it prints."""
    command = [sys.executable, f'{name}.py', *RUNS[name]]
    environment = os.environ | {'TF_CPP_MIN_LOG_LEVEL': '3'}
    found = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    print(f'{name}\n{found.stdout}', flush=True)
    PRINTED.mkdir(parents=True, exist_ok=True)
    (PRINTED / f'{name}.txt').write_text(found.stdout)


def lines_of(name: str, printed: str) -> list[str]:
    """The lines of the common table."""
    peer, aims = PEERS[name]
    lines = []
    for row in ROW.finditer(printed):
        bound = re.search(r'bound ([\d.]+)', row['note'])
        aim = (
            f'{0.9 * float(bound[1]):.1f}, its bound being {bound[1]}'
            if bound
            else aims.get(row['name'], aims.get('', ''))
        )
        what = f'{name.replace("_", " ")}: {row["name"]}'
        lines.append(f'| {what} | {row["ours"]} | {peer} | {row["theirs"]} | {row["ratio"]} | {aim} |')
    return lines


def processor() -> str:
    """The processor's name, and what other work there was."""
    models = re.findall(r'model name\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())
    flags = re.search(r'flags\s*: (.*)', pathlib.Path('/proc/cpuinfo').read_text())
    known = [name for name in FLAGS if flags and name in flags[1].split()]
    load = os.getloadavg()[2]
    return f'{models[0]} ({", ".join(known)}), {len(models)} cores, load {load:.1f} over the last quarter of an hour'


def write_page() -> None:
    """Puts the tables of all that was measured into the page, in place of the last ones."""
    printed = {name: path.read_text().strip() for name in RUNS if (path := PRINTED / f'{name}.txt').exists()}
    table = ['| what | ours | peer | theirs | ratio (least to most) | aim |', '|---|---|---|---|---|---|']
    table += [line for name in PEERS if name in printed for line in lines_of(name, printed[name])]
    others = [f'`benchmarks/{name}.py`:\n\n{text}' for name, text in printed.items() if name not in PEERS]
    measured = f'Measured on {datetime.date.today():%d %B %Y}: {processor()}.'
    before, rest = PAGE.read_text().split(START)
    parts = [measured, '\n'.join(table), *others]
    PAGE.write_text(f'{before}{START}\n\n' + '\n\n'.join(parts) + f'\n\n{END}{rest.split(END)[1]}')


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', nargs='*', choices=RUNS, default=list(RUNS), metavar='NAME')
    names = parser.parse_args().only
    if 'TFDS_DATA_DIR' not in os.environ:
        names = [name for name in names if name != 'packing']
    for name in names:
        run(name)
        write_page()  # what is measured stays, should a later one fail


if __name__ == '__main__':
    main()
