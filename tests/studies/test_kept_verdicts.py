"""Verdicts of a study are kept: only what is missing is judged, and never by another judge than the file's."""

import dataclasses
import json
import statistics

import pytest

from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict
from flan_jax.studies.head_to_head import over_seeds
from flan_jax.studies.kept_verdicts import kept_verdicts

PAIRS = [Pair(f'Name {i}.', 'x' * i, 'xxx') for i in range(6)]


@dataclasses.dataclass
class LongerIsBetter(PairwiseJudge):
    name: str
    asked: list = dataclasses.field(default_factory=list)

    @property
    def recipe(self):
        return {'kind': 'length', 'model': self.name, 'names': ('m', 'M')}

    def verdicts(self, pairs):
        self.asked += [pair.prompt for pair in pairs]
        return [Verdict(pair, (float(len(pair.answer_b) > len(pair.answer_a)),)) for pair in pairs]


def test_more_answers_are_judged_where_some_are_and_what_is_there_is_not_judged_again(tmp_path):
    path, judge = tmp_path / 'verdicts.jsonl', LongerIsBetter('a')
    some, name = kept_verdicts(path, PAIRS[:4], lambda: judge)
    every, _ = kept_verdicts(path, PAIRS, lambda: judge)
    again, _ = kept_verdicts(path, PAIRS[2:], lambda: pytest.fail('nothing is missing'))
    assert judge.asked == [pair.prompt for pair in PAIRS] and name == 'length a'
    assert [v.b_wins for v in every] == [1, 1, 1, 0, 0, 0] and every[:4] == some and again == every[2:]


def test_verdicts_of_another_judge_or_on_other_answers_are_not_mixed_in(tmp_path):
    path = tmp_path / 'verdicts.jsonl'
    kept_verdicts(path, PAIRS[:4], lambda: LongerIsBetter('a'))
    before = path.read_text()
    assert kept_verdicts(path, PAIRS[:4], lambda: LongerIsBetter('b'))[1] == 'length a'
    with pytest.raises(UserError, match='no verdict on 2 answers.*are by length a; .*remove the file'):
        kept_verdicts(path, PAIRS, lambda: LongerIsBetter('b'))
    with pytest.raises(UserError, match=f'output_2 differs from the judged answer.*remove {path}'):
        kept_verdicts(path, [dataclasses.replace(PAIRS[0], answer_b='other')], lambda: LongerIsBetter('a'))
    assert path.read_text() == before


def test_what_is_there_is_checked_before_the_rest_is_judged(tmp_path):
    path, judge = tmp_path / 'verdicts.jsonl', LongerIsBetter('a')
    kept_verdicts(path, PAIRS[:4], lambda: judge)
    with pytest.raises(UserError, match='output_2 differs from the judged answer'):
        kept_verdicts(path, [dataclasses.replace(PAIRS[0], answer_b='other'), *PAIRS[1:]], lambda: judge)
    assert len(judge.asked) == 4


def test_a_judge_may_be_named_by_a_text(tmp_path):
    path = tmp_path / 'verdicts.jsonl'
    path.write_text(json.dumps([{'instruction': PAIRS[0].prompt, 'preference': 2, 'judge': 'gpt-4'}]))
    assert kept_verdicts(path, PAIRS[:1], lambda: LongerIsBetter('a'))[1] == 'gpt-4'


def test_a_file_without_the_name_of_a_judge_counts_and_is_not_added_to(tmp_path):
    path = tmp_path / 'verdicts.jsonl'
    path.write_text(json.dumps([{'instruction': PAIRS[0].prompt, 'preference': 2}]))
    (verdict,), name = kept_verdicts(path, PAIRS[:1], lambda: LongerIsBetter('a'))
    assert verdict.b_wins == 1 and 'not named in the file' in name
    with pytest.raises(UserError, match='no verdict on 1 answers'):
        kept_verdicts(path, PAIRS[:2], lambda: LongerIsBetter('a'))


def test_means_over_seeds_are_of_contestants_that_have_several():
    rates = {('base', 0): 10.0, ('base', 1): 16.0, ('tuned', 0): 50.0}
    lines = [{'name': n, 'seed': s, 'raw': [r, 0, 100], 'controlled': [r / 2, 0, 100]} for (n, s), r in rates.items()]
    (base,) = over_seeds(lines)
    assert (base['name'], base['seeds']) == ('base', 2)
    assert base['raw'] == [13, pytest.approx(statistics.stdev([10, 16]))] and base['controlled'][0] == 6.5
