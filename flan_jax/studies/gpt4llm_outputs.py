"""Instruction tuning with GPT-4 (Peng et al. 2023): verbs, nouns and lengths of the outputs of instruction data."""

import functools
import pathlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flan_jax.data.example_files import read_file
from flan_jax.data.instruction_files import format_called, known_formats
from flan_jax.data.instruction_files.detected import format_of_file
from flan_jax.errors import UserError
from flan_jax.metrics.verb_nouns import MORE_THAN, TOP, Counts, counted, frequent
from flan_jax.reports.file_charts import Cells, histogram, pair_bars, sunburst
from flan_jax.studies.file_study import FileStudy, Table
from flan_jax.studies.parsing import outputs_of, require_different

PAIRS = 'pairs'

FREQUENT = f'pairs, more than {MORE_THAN} times'

VERB_NOUNS = {'GPT-4': {'outputs': 51_749, PAIRS: 5_229}, 'GPT-3': {PAIRS: 6_133}}
"""Numbers of distinct outputs and of distinct pairs of verb and object, by the authors' notebook."""

CALLED = {'alpaca_gpt4_data': 'GPT-4', 'alpaca_data': 'GPT-3'}
"""File name to the model that wrote the outputs; for other files it is the name of the file."""

LENGTHS = [512 * edge / 99 for edge in range(100)]
"""The notebook's 100 bin edges for lengths in words."""

Parse = tuple[str | None, str | None, str]
"""Verb, noun and output."""


def verbs_and_nouns(files: Sequence[pathlib.Path]) -> Table:
    """Pairs of verb and object in parsed outputs, the outputs' lengths, and the pairs that two files share."""
    names = [CALLED.get(file.stem, file.stem) for file in files]
    require_different(names)
    parses = {name: _parses(file) for name, file in zip(names, files)}
    counts = {name: counted((verb, noun) for verb, noun, _ in of_file) for name, of_file in parses.items()}
    ours: dict[str, Mapping[str, float | None]] = {name: _summary(parses[name], counts[name]) for name in names}
    if len(names) == 2:
        ours |= _compared(counts)
    top = list(counted((verb, noun) for of_file in parses.values() for verb, noun, _ in of_file))[:TOP]
    more = {f'The {TOP} commonest pairs': {' '.join(p): {n: counts[n].get(p, 0) for n in names} for p in top}}
    return Table(ours, VERB_NOUNS, (PAIRS,), _pictures(files, parses, counts, top), more)


def _parses(file: pathlib.Path) -> list[Parse]:
    """The parses of a file; raises UserError if it has outputs without parses."""
    found = []
    for where, text, row in outputs_of(file):
        if 'verb' not in row:
            raise UserError(
                f'{where}: an output without "verb" and "noun"; parse the files with --parser=en_core_web_md, or '
                'give parsed files'
            )
        verb, noun = row.get('verb'), row.get('noun')
        if wrong := [value for value in (verb, noun) if value is not None and not isinstance(value, str)]:
            raise UserError(f'{where}: {wrong[0]!r} is not a verb or noun; expected a string, or null for none')
        found.append((verb, noun, text))
    if not found:
        raise UserError(f'{file}: contains no outputs')
    return found


def _summary(parses: Sequence[Parse], counts: Counts) -> dict[str, float]:
    return {
        'outputs': len(parses),
        'with a pair': sum(counts.values()),
        PAIRS: len(counts),
        FREQUENT: len(frequent(counts)),
        'words, mean': statistics.mean(_lengths(parses)),
    }


def _lengths(parses: Sequence[Parse]) -> list[int]:
    return [len(text.split()) for _, _, text in parses]


def _compared(counts: Mapping[str, Counts]) -> Cells:
    """Numbers of pairs in both files and in only one, of all pairs and of frequent pairs."""
    (a, of_a), (b, of_b) = counts.items()
    often_a, often_b = frequent(of_a), frequent(of_b)
    return {
        'in both': {PAIRS: len({*of_a} & {*of_b}), FREQUENT: len(often_a & often_b)},
        f'{a} only': {PAIRS: len({*of_a} - {*of_b}), FREQUENT: len(often_a - often_b)},
        f'{b} only': {PAIRS: len({*of_b} - {*of_a}), FREQUENT: len(often_b - often_a)},
    }


def _pictures(files, parses, counts, top) -> dict[str, Callable[[], Any]]:
    """The parts of Figure 1: a sunburst for each file, the commonest pairs, the outputs' lengths."""
    bursts = {
        f'sunburst_{file.stem}': functools.partial(sunburst, of_file, name)
        for file, (name, of_file) in zip(files, counts.items())
    }
    lengths = {name: _lengths(of_file) for name, of_file in parses.items()}
    return bursts | {
        'pairs': functools.partial(pair_bars, top, counts),
        'lengths': functools.partial(
            histogram, lengths, LENGTHS, 'words of an output; the last bar has all longer outputs'
        ),
    }


FIGURE_1 = FileStudy(
    id='gpt4llm.figure1',
    title='Verbs, nouns and lengths of outputs',
    source='Peng et al. 2023, figure 1',
    reads='alpaca_gpt4_data.json alpaca_data.json, with --parser; or files of their parses',
    make=verbs_and_nouns,
    note='The root verb of an output’s first sentence with its direct object, by the authors’ rule: if the root '
    'is not a verb, only its first child is tried. Equal outputs count once. Inner ring: the 20 most frequent '
    'verbs; outer ring: up to four nouns of each that occur more than 10 times. The paper’s numbers are computed '
    'from all 52,002 rows with en_core_web_md 3.5.0.',
)

PUBLISHED = {
    'alpaca_gpt4_data': {'rows': 52_002, 'different answers': 51_749},
    'alpaca_gpt4_data_zh': {'rows': 52_000},
    'unnatural_instruction_gpt4_data': {'rows': 9_000},
}
"""Section 2 and the repository. The number of Chinese rows is as claimed; corrected copies of the file have 48.8k."""


def data_statistics(files: Sequence[pathlib.Path]) -> Table:
    """Statistics of the rows and answers of instruction files; in files of rankings all answers to a prompt count."""
    require_different([file.stem for file in files])
    return Table({file.stem: _file_statistics(file) for file in files}, PUBLISHED, ('rows',))


def _file_statistics(file: pathlib.Path) -> dict[str, float]:
    read = format_called(format_of_file(file, known_formats(), {})).read
    rows = [read(where, row) for where, row in read_file(file)]
    answers = [answer for row in rows for answer in (row.response, *row.rejected)]
    return {
        'rows': len(rows),
        'with an input': sum(bool(row.input) for row in rows),
        'answers': len(answers),
        'different answers': len(set(answers)),
        'words an answer': statistics.mean(len(answer.split()) for answer in answers),
        'characters an answer': statistics.mean(map(len, answers)),
    }


DATA = FileStudy(
    id='gpt4llm.data',
    title='Data for instruction tuning with GPT-4',
    source='Peng et al. 2023, section 2',
    reads='alpaca_gpt4_data.json and others: instructions with their answers, or comparisons',
    make=data_statistics,
    note='Words are separated by white space, so Chinese texts have few and long words.',
)
