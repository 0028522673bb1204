"""Instruction tuning with GPT-4 (Peng et al. 2023, arXiv 2304.03277): the figures that need no model of ours.

The paper's values are from the paper and the notebooks in its repository; verdicts of judges and people are read from
files.
"""

import collections
import pathlib
import statistics
from collections.abc import Mapping, Sequence

from flan_jax.data.example_files import read_file
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.reviews import kept_scores
from flan_jax.files import read_json
from flan_jax.metrics.relative_score import pair_of, parse_scores, relative_score, totals
from flan_jax.metrics.rouge_by_length import Group, rouge_l_by_length
from flan_jax.reports.file_charts import Cells, histogram
from flan_jax.studies.answers_by_length import references_and_answers
from flan_jax.studies.file_study import FileStudy, Table
from flan_jax.studies.gpt4llm_outputs import DATA, FIGURE_1
from flan_jax.studies.gpt4llm_published import FIGURE_4, FIGURE_5, RANKED, ROUGE, SCORES, VICUNA_TOTALS, VOTES

RELATIVE = 'relative score, %'

UNREAD = 'questions without scores'
"""Column for the number of questions without a verdict in either order, which are ignored."""


def score_distributions(files: Sequence[pathlib.Path]) -> Table:
    """Statistics of lists of scores, given as a JSON object."""
    (file,) = _exactly_one(files)
    lists = read_json(file, 'fetch it again')
    if wrong := [name for name, scores in lists.items() if not _are_scores(scores)]:
        raise UserError(f'{file}: {wrong[0]!r} is not a list of numbers; expected an object of lists of scores')
    if not lists:
        raise UserError(f'{file}: contains no lists of scores')
    counts = {name: collections.Counter(scores) for name, scores in lists.items()}
    given = sorted({score for of in counts.values() for score in of}, reverse=True)
    return Table(
        {name: _statistics(scores) for name, scores in lists.items()},
        SCORES,
        ('mean',),
        {'figure': lambda: histogram(lists, [score - 0.5 for score in range(12)], 'score')},
        {'Answers by score': {f'{score:g}': {name: of[score] for name, of in counts.items()} for score in given}},
    )


def _are_scores(scores: object) -> bool:
    return isinstance(scores, list) and bool(scores) and all(type(score) in (int, float) for score in scores)


def _statistics(scores: Sequence[float]) -> dict[str, float]:
    (mode, count), *_ = collections.Counter(scores).most_common(1)
    mean, median = statistics.mean(scores), statistics.median(scores)
    return {'answers': len(scores), 'mean': mean, 'median': median, 'mode': mode, 'of the mode': count}


def relative_scores(files: Sequence[pathlib.Path]) -> Table:
    """The relative scores of the paper's totals, and those of files of reviews, whose texts are parsed again."""
    printed = {name: (score, opponent) for name, (score, opponent, _) in FIGURE_4.items()}
    paper = {name: {RELATIVE: percent} for name, (_, _, percent) in FIGURE_4.items()}
    return _with_reviews({**printed, **RANKED}, paper, files)


def chinese_scores(files: Sequence[pathlib.Path]) -> Table:
    """The relative scores of answers in Chinese, from the paper's totals and from files of reviews."""
    parts = ((f'{model}, {part}', pair) for part, models in FIGURE_5.items() for model, pair in models.items())
    return _with_reviews(dict(parts), {}, files)


def _with_reviews(printed: Mapping[str, tuple[float, float]], paper: Cells, files: Sequence[pathlib.Path]) -> Table:
    """Relative scores from the paper's totals and from files of reviews; Vicuna's are compared with published ones."""
    ours = {name: _relative(*pair) for name, pair in printed.items()}
    paper = dict(paper)
    for file in files:
        name = file.stem.removeprefix('review_')
        found = _reviewed(file)
        score, opponent = totals([(0, 0), *filter(None, found)])
        if not opponent:
            raise UserError(f'{file}: no scores of the opponent above 0, so there is no relative score')
        if name in ours:
            raise UserError(f'{file}: two files are called {name}; rename one of them')
        ours[name] = _relative(score, opponent)
        if unread := found.count(None):
            ours[name][UNREAD] = unread
        if known := VICUNA_TOTALS.get(name.removesuffix('_vicuna-13b')):
            paper[name] = _relative(*known)
    return Table(ours, paper, (RELATIVE,))


def _relative(score: float, opponent: float) -> dict[str, float]:
    return {'model': float(score), 'opponent': float(opponent), RELATIVE: relative_score(score, opponent)}


def _reviewed(file: pathlib.Path) -> list[tuple[float, float] | None]:
    """The scores on the first lines of a file's reviews, or under 'score' for reviews without scores on that line.

    FastChat's protocol gives both answers -1 if the first line has no scores, to be corrected by hand: the 12 reviews
    of mathematics in its files begin with a solution, and their scores were entered by hand.
    """
    return [_scores_of(where, row) for where, row in read_file(file)]


def _scores_of(where: str, row: Mapping) -> tuple[float, float] | None:
    if isinstance(row.get('evidence'), dict):
        return _both_orders(where, row['evidence'].get('scores'))
    text, stored = row.get('text'), kept_scores(row)
    if text is None and stored:
        return stored
    if not isinstance(text, str):
        raise UserError(f'{where}: expected a review as "text", or two numbers as "score"')
    parsed = parse_scores(text)
    if parsed and stored and parsed != stored:
        raise UserError(f'{where}: the review says {parsed}, but its score is {stored}; correct one of the two')
    found = parsed or stored
    if not found:
        raise UserError(
            f'{where}: no two numbers on the first line of the review, and score={row.get("score")!r}; add two '
            'numbers as "score", -1 where there is none'
        )
    return found


def _both_orders(where: str, scores: object) -> tuple[float, float] | None:
    """B's and A's scores from the output of `flan-jax judge --scores`, where A's is first; None if there are none.

    They are the means over both orders, so that the relative score equals the one that `judge` prints.
    """
    if not isinstance(scores, list):
        raise UserError(f'{where}: a verdict without scores; judge with --endpoint and --scores')
    if wrong := [pair for pair in scores if pair is not None and not pair_of(pair)]:
        raise UserError(f'{where}: scores={wrong[0]!r} are not two numbers; judge it again')
    if not any(scores):
        return None
    a, b = totals(filter(None, map(pair_of, filter(None, scores))))
    return b / 2, a / 2


def rouge_by_length(files: Sequence[pathlib.Path]) -> Table:
    """ROUGE-L of every model's answers, by length of the reference."""
    found: dict[str, Mapping[str, Group]] = {}
    references: list[str] = []
    for file in files:
        of_file, answers = references_and_answers(file)
        if references and sorted(of_file) != sorted(references):
            raise UserError(
                f'{file}: its references differ from those of {files[0]}; compare answers to the same examples'
            )
        if twice := [name for name in answers if name in found]:
            raise UserError(f'{file}: {twice[0]} has answers in an earlier file; remove one of the two')
        references = references or of_file
        found |= {name: rouge_l_by_length(of_file, texts) for name, texts in answers.items()}
    first = next(iter(found.values()))
    ours = {
        group: {'answers': first[group].count} | {name: of[group].rouge_l for name, of in found.items()}
        for group in first
    }
    return Table(ours, ROUGE, tuple(found))


def tally(files: Sequence[pathlib.Path]) -> Table:
    """Shares of votes: rows with 'opponent', 'criterion' and 'vote', which is win, lose or tie."""
    counts: dict[str, collections.Counter] = {}
    for file in files:
        for where, row in read_file(file):
            if row.get('vote') not in ('win', 'lose', 'tie'):
                raise UserError(f'{where}: vote={row.get("vote")!r}; must be win, lose or tie')
            name = f'{row.get("opponent")}, {row.get("criterion")}'
            counts.setdefault(name, collections.Counter())[row['vote']] += 1
    if not counts:
        raise UserError(f'{files[0]}: contains no votes')
    ours = {
        name: {'votes': of.total()} | {vote: 100 * of[vote] / of.total() for vote in ('win', 'lose', 'tie')}
        for name, of in counts.items()
    }
    return Table(ours, VOTES, ('win', 'lose', 'tie'))


def _exactly_one(files: Sequence[pathlib.Path]) -> Sequence[pathlib.Path]:
    if len(files) != 1:
        raise UserError(f'--from names {len(files)} files; expected one')
    return files


FIGURE_2 = FileStudy(
    id='gpt4llm.figure2',
    title='How GPT-4 scores answers',
    source='Peng et al. 2023, figure 2, from the score lists of its repository',
    reads='cmp_data_scores.json',
    make=score_distributions,
    note='icm-1.3b is OPT-IML. Scores are so concentrated that the comparison data was first released as ranks only.',
)

FIGURE_3 = FileStudy(
    id='gpt4llm.figure3',
    title='Helpful, honest, harmless: votes',
    source='Peng et al. 2023, figure 3',
    reads='votes.jsonl, each row with opponent, criterion and vote',
    make=tally,
    note='Votes by people or by a model. The paper has 704 votes per criterion against Alpaca and 755 against GPT-4.',
)

FIGURE_4_STUDY = FileStudy(
    id='gpt4llm.figure4',
    title='Relative scores by GPT-4',
    source='Peng et al. 2023, figure 4',
    reads='review_*.jsonl of FastChat (optional)',
    make=relative_scores,
    note='Computed from the totals in the paper’s notebook: of models, and of LLaMA-GPT4’s five answers by the '
    'rank that its reward model gave them. Reviews, if given, are parsed again, except for the scores of '
    'mathematics reviews, which were entered by hand; they are compared with the totals of Vicuna’s evaluation '
    'against vicuna-13b. Answers were judged in one order only, as in the paper.',
    needs_files=False,
)

FIGURE_5_STUDY = FileStudy(
    id='gpt4llm.figure5',
    title='Relative scores in Chinese, by GPT-4',
    source='Peng et al. 2023, figure 5',
    reads='reviews of answers in Chinese (optional)',
    make=chinese_scores,
    note='Computed from the totals in the paper’s notebook. The opponent is GPT-4, with answers translated to '
    'Chinese or written in Chinese. A model answers in English and is translated, or answers in Chinese. Among '
    'the models against translated GPT-4, the paper’s figure shows Vicuna with its result against GPT-4 in '
    'Chinese. Reviews, or files with two scores per line, are added if given.',
    needs_files=False,
)

FIGURE_6 = FileStudy(
    id='gpt4llm.figure6',
    title='ROUGE-L by length of the reference',
    source='Peng et al. 2023, figure 6',
    reads='unnatural_instruction_gpt4_data.json (label, output, and answers of others under their names), records '
    'of evaluation, or both',
    make=rouge_by_length,
    note='Arithmetic means, without stemming. The paper’s group means, weighted by group size, differ from its '
    'ALL by up to 0.0002, as medians of a bootstrap do.',
)

STUDIES = {study.id: study for study in (DATA, FIGURE_1, FIGURE_2, FIGURE_3, FIGURE_4_STUDY, FIGURE_5_STUDY, FIGURE_6)}
