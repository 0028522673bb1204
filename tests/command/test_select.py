"""Checkpoints of a run answer side by side, and a judge says which of them wins most often."""

import itertools
import json
import shutil

import jax
import pytest

from flan_jax.command import main
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict
from flan_jax.evaluation.judges.round_robin import standings
from flan_jax.model.value_head import init_value_head
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import BUNDLED, Vocabulary
from flan_jax.training import checkpoints
from tests.command.test_generate import CONFIG
from tests.toy import random_params

PROMPTS = ['Is it good?', 'Name a tree.']
STEPS = (2, 4, 6, 8)


class LongerIsBetter(PairwiseJudge):
    """A judge whose verdicts are known."""

    @property
    def recipe(self):
        return {'kind': 'length'}

    def verdicts(self, pairs):
        signs = [
            (len(pair.answer_b) > len(pair.answer_a)) - (len(pair.answer_b) < len(pair.answer_a)) for pair in pairs
        ]
        return [Verdict(pair, (0.5 + sign / 2,)) for pair, sign in zip(pairs, signs)]


def test_standings_are_the_shares_of_all_games():
    lengths = {'a': (1, 5, 2), 'b': (2, 2, 2), 'c': (3, 3, 1)}
    answers = {name: {f'prompt {i}': 'x' * n for i, n in enumerate(of)} for name, of in lengths.items()}
    won = {name: 0.0 for name in lengths}
    for one, other in itertools.permutations(lengths, 2):
        for mine, theirs in zip(lengths[one], lengths[other]):
            won[one] += 1.0 if mine > theirs else 0.5 if mine == theirs else 0.0
    found = {standing.name: standing for standing in standings(answers, LongerIsBetter())}
    assert {name: found[name].win_rate for name in lengths} == pytest.approx({n: 100 * w / 6 for n, w in won.items()})
    assert all(s.interval[0] <= s.win_rate <= s.interval[1] for s in found.values())
    assert found['a'].mean_length == pytest.approx(8 / 3)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run that kept checkpoints, of other weights each."""
    folder = tmp_path_factory.mktemp('select')
    for step in STEPS:
        params = random_params(CONFIG, seed=step)
        metadata = {'model': as_plain(CONFIG), 'vocabulary': Vocabulary().fingerprint, 'vocabulary_path': str(BUNDLED)}
        checkpoints.save_params(folder / 'run' / checkpoints.FOLDER / str(step), params, metadata)
    (folder / 'prompts.jsonl').write_text(''.join(json.dumps({'instruction': prompt}) + '\n' for prompt in PROMPTS))
    return folder / 'run'


def arguments(run, *more):
    prompts = f'--prompts={run.parent}/prompts.jsonl'
    return ['select', str(run), prompts, '--max_new_tokens=4', '--gin_file=gin/decoding/lima.gin', *more]


def test_the_named_checkpoints_answer_and_one_is_chosen(run, capsys):
    judge = run / checkpoints.FOLDER / str(STEPS[0])
    assert main.main(arguments(run, '--first=2', '--last=3', f'--model={judge}')) == 0
    found = json.loads((run / 'selection' / 'report.json').read_text())
    assert found['names'] == ['step 4', 'step 6'] and found['prompts'] == PROMPTS
    assert sum(line['win_rate'] for line in found['standings']) == pytest.approx(100)
    best = max(found['standings'], key=lambda line: line['win_rate'])['name']
    said = capsys.readouterr().out
    (first, second) = sorted(found['standings'], key=lambda line: -line['win_rate'])
    assert f'{best} answers best' in said
    assert ('this may be chance' in said) == (second['interval'][1] >= first['interval'][0])
    page = (run / 'selection' / 'report.html').read_text()
    assert all(prompt in page for prompt in PROMPTS)


def test_a_reward_model_chooses_too_and_a_judge_that_is_not_there_is_refused_first(run, tmp_path, capsys):
    params = random_params(CONFIG, seed=9) | init_value_head(CONFIG, jax.random.key(9))
    metadata = {'model': as_plain(CONFIG), 'vocabulary': Vocabulary().fingerprint, 'vocabulary_path': str(BUNDLED)}
    checkpoints.save_params(tmp_path / 'rater', params, metadata)
    words = arguments(run, '--first=2', '--last=3', f'--output={tmp_path}/chosen')
    assert main.main([*words, f'--model={tmp_path}/nothing']) == 2 and not (tmp_path / 'chosen').exists()
    assert main.main([*words, f'--model={tmp_path}/rater']) == 0
    found = json.loads((tmp_path / 'chosen' / 'report.json').read_text())
    wins = {line['win_rate'] for line in found['standings']}
    assert wins <= {0, 25, 50, 75, 100} and sum(line['win_rate'] for line in found['standings']) == 100


def test_answers_that_are_there_stay_and_answers_of_other_kinds_are_refused(run, capsys):
    files = {path: path.read_bytes() for path in (run / 'selection').glob('step_*.jsonl')}
    assert len(files) == 2 and main.main(arguments(run, '--first=2', '--last=4')) == 0
    assert files.items() <= {path: path.read_bytes() for path in (run / 'selection').glob('step_*.jsonl')}.items()
    assert main.main(arguments(run, '--seed=1')) == 2
    assert 'answers with other seed; choose another folder with --output' in capsys.readouterr().err


def test_answers_of_another_run_at_the_same_steps_are_not_taken_for_its_own(run, tmp_path, capsys):
    """A folder for the answers of one run is named again for another; or the run was tuned anew in its place."""
    kept = shutil.copytree(run, tmp_path / 'run')
    shutil.copy(run.parent / 'prompts.jsonl', tmp_path)
    words = arguments(kept, '--first=3', f'--output={tmp_path}/chosen')
    assert main.main(words) == 0
    of_step = kept / checkpoints.FOLDER / str(STEPS[-1])
    metadata = checkpoints.metadata(of_step)
    shutil.rmtree(of_step)
    checkpoints.save_params(of_step, random_params(CONFIG, seed=20), metadata)
    assert main.main(words) == 2
    assert f'{tmp_path}/chosen holds answers with other weights; choose another' in capsys.readouterr().err


def test_one_checkpoint_is_no_choice(run, capsys):
    assert main.main(arguments(run, '--first=4')) == 2
    assert (
        'needs at least two checkpoints, found 1; the kept checkpoints are those of steps 2, 4, 6, 8'
        in capsys.readouterr().err
    )


def test_a_folder_without_checkpoints_is_named(run, tmp_path, capsys):
    assert main.main(['select', str(tmp_path), *arguments(run)[2:]]) == 2
    assert f'no checkpoint in {tmp_path}; give' in capsys.readouterr().err
