"""Instruction tuning with GPT-4 (Peng et al. 2023, arXiv 2304.03277): the figures that need no model of ours.

Printed values are of the paper and of its repository's notebooks; verdicts of judges and of people are read from files.
"""

import collections
import pathlib
import statistics
from collections.abc import Mapping, Sequence

from flan_jax.data.example_files import read_file
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.reviews import kept_scores
from flan_jax.files import read_json
from flan_jax.metrics.relative_score import parse_scores, relative_score, totals
from flan_jax.metrics.rouge_by_length import ALL, rouge_l_by_length
from flan_jax.studies.file_study import FileStudy, Table

RELATIVE = 'relative score, %'

FIGURE_4: Mapping[str, tuple[float, float, float]] = {
    'LLaMA 13B vs ChatGPT': (502, 698.5, 72),
    'Alpaca 13B vs ChatGPT': (585, 704.5, 83),
    'Vicuna 13B vs ChatGPT': (649, 652.5, 99),
    'LLaMA-GPT4 7B vs ChatGPT': (609, 666.5, 91),
    'LLaMA-GPT4 7B, best of 5, vs ChatGPT': (624, 667, 94),
    'Bard vs ChatGPT': (634, 660, 96),
    'GPT-4 vs ChatGPT': (613, 521, 118),
    'LLaMA 13B vs GPT-4': (520, 731.5, 71),
    'Alpaca 13B vs GPT-4': (593, 745.5, 80),
    'Vicuna 13B vs GPT-4': (640, 715.5, 89),
    'LLaMA-GPT4 7B vs GPT-4': (606, 726.5, 83),
    'LLaMA-GPT4 7B, best of 5, vs GPT-4': (631, 722.5, 87),
    'Bard vs GPT-4': (633, 722, 88),
    'ChatGPT vs GPT-4': (652, 714, 91),
}
"""Totals of the model and of its opponent over Vicuna's 80 questions, and the printed per cent."""

VICUNA_TOTALS = {'alpaca-13b': (583, 704), 'bard': (664, 655.5), 'gpt35': (693, 638), 'llama-13b': (513, 694)}
"""Totals of Vicuna's evaluation (FastChat, April 2023), whose protocol figure 4 has: the model's, vicuna-13b's."""

SCORES = {
    'gpt4': {'answers': 51_445, 'mean': 8.94, 'median': 9, 'mode': 9, 'of the mode': 46_065},
    'text-davinci-003': {'answers': 51_183, 'mean': 8.72, 'median': 9, 'mode': 9, 'of the mode': 38_846},
    'icm-1.3b': {'answers': 51_428, 'mean': 4.23, 'median': 4, 'mode': 4, 'of the mode': 12_721},
}
"""What GPT-4 gave the answers of the comparison data (the repository's score lists); icm-1.3b is OPT-IML."""

ROUGE = {
    '0-2': {'answers': 5_089, 'Alpaca': 0.4165, 'LLaMA-GPT4': 0.3171, 'GPT-4': 0.3603},
    '3-5': {'answers': 868, 'Alpaca': 0.3442, 'LLaMA-GPT4': 0.2961, 'GPT-4': 0.3055},
    '6-10': {'answers': 936, 'Alpaca': 0.3647, 'LLaMA-GPT4': 0.3903, 'GPT-4': 0.3770},
    '10>': {'answers': 2_107, 'Alpaca': 0.3398, 'LLaMA-GPT4': 0.4119, 'GPT-4': 0.4166},
    ALL: {'answers': 9_000, 'Alpaca': 0.3860, 'LLaMA-GPT4': 0.3447, 'GPT-4': 0.3697},
}
"""ROUGE-L on Unnatural Instructions by words of the reference."""

VOTES = {
    'Alpaca, helpful': {'win': 54.12, 'lose': 19.74, 'tie': 26.14},
    'Alpaca, honest': {'win': 25.99, 'lose': 31.39, 'tie': 42.61},
    'Alpaca, harmless': {'win': 16.48, 'lose': 25.43, 'tie': 58.10},
    'GPT-4, helpful': {'win': 42.78, 'lose': 44.11, 'tie': 13.11},
    'GPT-4, honest': {'win': 37.88, 'lose': 37.48, 'tie': 24.64},
    'GPT-4, harmless': {'win': 31.66, 'lose': 35.36, 'tie': 32.98},
}
"""Per cent of people's votes on LLaMA-GPT4 against an opponent, by what they judged."""

OF_TEXTS = {'GPT-4': 'output'}
"""Models to the keys that hold their answers in the published file; others are called by their key."""


def score_distributions(files: Sequence[pathlib.Path]) -> Table:
    """Statistics of score lists, a JSON object of them."""
    (file,) = _exactly_one(files)
    lists = read_json(file, 'fetch it again')
    if wrong := [name for name, scores in lists.items() if not _are_scores(scores)]:
        raise UserError(f'{file}: {wrong[0]!r} is no list of numbers; expected an object of lists of scores')
    if not lists:
        raise UserError(f'{file}: holds no lists of scores')
    return Table({name: _statistics(scores) for name, scores in lists.items()}, SCORES, 'mean')


def _are_scores(scores: object) -> bool:
    return isinstance(scores, list) and bool(scores) and all(type(score) in (int, float) for score in scores)


def _statistics(scores: Sequence[float]) -> dict[str, float]:
    (mode, count), *_ = collections.Counter(scores).most_common(1)
    mean, median = statistics.mean(scores), statistics.median(scores)
    return {'answers': len(scores), 'mean': mean, 'median': median, 'mode': mode, 'of the mode': count}


def relative_scores(files: Sequence[pathlib.Path]) -> Table:
    """The printed totals' relative scores, and those of files of reviews, whose texts are parsed anew."""
    ours = {name: _relative(score, opponent) for name, (score, opponent, _) in FIGURE_4.items()}
    paper = {name: {RELATIVE: percent} for name, (_, _, percent) in FIGURE_4.items()}
    for file in files:
        name = file.stem.removeprefix('review_')
        score, opponent = totals([(0, 0), *_reviewed(file)])
        if not opponent:
            raise UserError(f'{file}: holds no scores of an opponent above 0')
        ours[name] = _relative(score, opponent)
        if known := VICUNA_TOTALS.get(name.removesuffix('_vicuna-13b')):
            paper[name] = _relative(*known)
    return Table(ours, paper, RELATIVE)


def _relative(score: float, opponent: float) -> dict[str, float]:
    return {'model': float(score), 'opponent': float(opponent), RELATIVE: relative_score(score, opponent)}


def _reviewed(file: pathlib.Path) -> list[tuple[float, float]]:
    """The scores of a file's reviews, by their first line; by 'score' where that has none, as reviews of mathematics.

    The protocol gives -1 for both where a first line cannot be read, and leaves mending it to people: the 12 reviews of
    mathematics in FastChat's files begin with a solution, and their scores were entered by hand.
    """
    return [_scores_of(where, row) for where, row in read_file(file)]


def _scores_of(where: str, row: Mapping) -> tuple[float, float]:
    if not isinstance(row.get('text'), str):
        raise UserError(f'{where}: expected a review with the key "text"')
    parsed, stored = parse_scores(row['text']), kept_scores(row)
    if parsed and stored and parsed != stored:
        raise UserError(f'{where}: the review says {parsed}, its score {stored}; mend one of the two')
    found = parsed or stored
    if not found:
        raise UserError(
            f'{where}: no two numbers on the first line of the review, and score={row.get("score")!r}; '
            'add two as "score", where -1 says that there is none'
        )
    return found


def rouge_by_length(files: Sequence[pathlib.Path]) -> Table:
    """ROUGE-L of every model's answers, by length of the reference, which is under 'label'."""
    rows = [(where, row) for file in files for where, row in read_file(file)]
    if wrong := [where for where, row in rows if not isinstance(row.get('label'), str)]:
        raise UserError(f'{wrong[0]}: the reference, "label", is missing or no text')
    keys = [key for key in rows[0][1] if key not in ('instruction', 'input', 'label')] if rows else []
    models = {next((name for name, of in OF_TEXTS.items() if of == key), key): key for key in keys}
    if not models:
        raise UserError(f'{files[0]}: no answers beside the references; each row has "label", and "output" or others')
    references = [row['label'] for _, row in rows]
    found = {
        name: rouge_l_by_length(references, [str(row.get(key, '')) for _, row in rows]) for name, key in models.items()
    }
    first = next(iter(found.values()))
    ours = {
        group: {'answers': first[group].count} | {name: of[group].rouge_l for name, of in found.items()}
        for group in first
    }
    return Table(ours, ROUGE, next(iter(models)))


def tally(files: Sequence[pathlib.Path]) -> Table:
    """Shares of votes: rows with 'opponent', 'criterion' and 'vote', which is win, lose or tie."""
    counts: dict[str, collections.Counter] = {}
    for file in files:
        for where, row in read_file(file):
            if row.get('vote') not in ('win', 'lose', 'tie'):
                raise UserError(f'{where}: vote={row.get("vote")!r}; it is win, lose or tie')
            name = f'{row.get("opponent")}, {row.get("criterion")}'
            counts.setdefault(name, collections.Counter())[row['vote']] += 1
    if not counts:
        raise UserError(f'{files[0]}: holds no votes')
    ours = {
        name: {'votes': of.total()} | {vote: 100 * of[vote] / of.total() for vote in ('win', 'lose', 'tie')}
        for name, of in counts.items()
    }
    return Table(ours, VOTES, 'win')


def _exactly_one(files: Sequence[pathlib.Path]) -> Sequence[pathlib.Path]:
    if len(files) != 1:
        raise UserError(f'--from names {len(files)} files; give one')
    return files


FIGURE_2 = FileStudy(
    id='gpt4llm.figure2',
    title='How GPT-4 scores answers',
    source='Peng et al. 2023, figure 2, by the score lists of its repository',
    reads='cmp_data_scores.json',
    make=score_distributions,
    note='icm-1.3b is OPT-IML. Scores are so concentrated that the comparison data was first released as ranks.',
)

FIGURE_3 = FileStudy(
    id='gpt4llm.figure3',
    title='Helpful, honest, harmless: votes',
    source='Peng et al. 2023, figure 3',
    reads='votes.jsonl, each row with opponent, criterion and vote',
    make=tally,
    note='Votes of people or of a model. The paper had 704 against Alpaca and 755 against GPT-4, by criterion.',
)

FIGURE_4_STUDY = FileStudy(
    id='gpt4llm.figure4',
    title='Relative scores by GPT-4',
    source='Peng et al. 2023, figure 4',
    reads='review_*.jsonl of FastChat, which are not needed',
    make=relative_scores,
    note='From the totals that the paper’s notebook has. Reviews, if given, are parsed anew, but for the scores '
    'of their reviews of mathematics, which were entered by hand; beside them stand the totals of Vicuna’s evaluation, '
    'against vicuna-13b. One order of answers only, as in the paper.',
    needs_files=False,
)

FIGURE_6 = FileStudy(
    id='gpt4llm.figure6',
    title='ROUGE-L by length of the reference',
    source='Peng et al. 2023, figure 6',
    reads='unnatural_instruction_gpt4_data.json: label, output, and answers of other models under their names',
    make=rouge_by_length,
    note='Plain means without stemming. The paper’s group means, weighed by their sizes, differ from its ALL by up to '
    '0.0002, as middle values of a bootstrap do.',
)

STUDIES = {study.id: study for study in (FIGURE_2, FIGURE_3, FIGURE_4_STUDY, FIGURE_6)}
