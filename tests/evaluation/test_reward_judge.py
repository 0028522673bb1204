"""A reward model judges pairs and sets of answers by its rewards, and is judged by others' preferences."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from flan_jax import catalogue
from flan_jax.command import main
from flan_jax.convert.write import write_model
from flan_jax.data.formats.alpaca import _WITH_INPUT, Alpaca
from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import prepare_instructions
from flan_jax.data.settings import Data
from flan_jax.errors import UserError
from flan_jax.evaluation.answer_sets import preferred_pairs, rated, win_rate
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.by_model import judge_of
from flan_jax.evaluation.judges.reward import RewardJudge
from flan_jax.evaluation.reward_scores import reward_scores
from flan_jax.evaluation.samples import Answered, Question
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.rewards import RewardModel
from flan_jax.loaded_model import load
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.value_head import VALUE_HEAD, init_value_head
from flan_jax.packing.pack import write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import BUNDLED, Vocabulary
from flan_jax.training import checkpoints
from tests import toy
from tests.command.converted_base import CONFIG as SERVED
from tests.convert.tokenizers_trained import write_llama3

CONFIG = DecoderConfig(vocab_size=4096, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary())
PAIRS = [Pair(f'question {i}', f'short {i}', f'a longer answer {i}') for i in range(4)] + [Pair('q', 'same', 'same')]


@pytest.fixture(scope='module')
def model():
    params = toy.random_params(CONFIG, scale=0.5) | init_value_head(CONFIG, jax.random.key(3))
    return LoadedModel(CONFIG, params, Vocabulary())


@pytest.fixture(scope='module')
def folder(tmp_path_factory, model):
    """A checkpoint of the reward model, and files of two models' answers."""
    folder = tmp_path_factory.mktemp('rewards')
    metadata = {'model': as_plain(CONFIG), 'vocabulary': Vocabulary().fingerprint}
    checkpoints.save_params(folder / 'checkpoint', model.params, metadata)
    for name in ('answer_a', 'answer_b'):
        rows = ({'prompt': pair.prompt, 'answer': getattr(pair, name)} for pair in PAIRS)
        (folder / f'{name[-1]}.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return folder


def alone(model, prompt, answer):
    ((reward,),) = reward_scores(model, [Answered(Question(prompt), (answer,))], 512)
    return reward


def test_the_higher_reward_wins_and_equal_ones_tie(model):
    verdicts = RewardJudge(model, 2048, 'toy').verdicts(PAIRS)
    for verdict in verdicts:
        pair = verdict.pair
        rewards = [alone(model, pair.prompt, answer) for answer in (pair.answer_a, pair.answer_b)]
        assert verdict.evidence['rewards'] == pytest.approx(rewards, abs=1e-4)
        assert verdict.evidence['margin'] == pytest.approx(rewards[1] - rewards[0], abs=2e-4)
        assert verdict.orders == ((1.0,) if verdict.evidence['margin'] > 0 else (0.0,)) or pair.prompt == 'q'
    assert verdicts[-1].orders == (0.5,) and verdicts[-1].evidence['margin'] == 0


def test_a_model_judges_by_its_scalar_head_where_it_has_one(model):
    assert judge_of(model, 2048, 'toy').verdicts(PAIRS) == RewardJudge(model, 2048, 'toy').verdicts(PAIRS)
    language = dataclasses.replace(model, params={k: v for k, v in model.params.items() if k != VALUE_HEAD})
    judge = judge_of(language, 2048, 'toy')
    assert judge.recipe['kind'] == 'likelihood' and judge.orders == len(judge.verdicts(PAIRS[:1])[0].orders) == 2
    ppo = dataclasses.replace(model, metadata={'objective': {'type': 'Ppo'}})
    with pytest.raises(UserError, match='foretells rewards'):
        judge_of(ppo, 2048, 'toy')


def test_sets_of_answers_are_rated_as_each_answer_alone(model):
    sets = {name: {pair.prompt: getattr(pair, f'answer_{name}') for pair in PAIRS} for name in 'ab'}
    backwards = dict(reversed(sets['b'].items()))  # another order of the same prompts
    first, second = rated(model, {'a': sets['a'], 'b': backwards}, 2048)
    expected = [alone(model, pair.prompt, pair.answer_b) for pair in PAIRS]
    np.testing.assert_allclose(second.rewards, expected, atol=1e-4)
    wins = np.sign(second.rewards - first.rewards)
    rate, (low, high) = win_rate(second, first)
    assert rate == pytest.approx(100 * np.mean((wins + 1) / 2)) and low <= rate <= high
    assert [row['reward'] for row in first.records()] == first.rewards.tolist()
    with pytest.raises(UserError, match='both models must answer the same prompts'):
        rated(model, {'a': sets['a'], 'b': {'other': 'x'}}, 2048)


def test_pairs_are_read_from_preferences_and_rankings(tmp_path):
    rows = [
        {'prompt': 'p', 'chosen': 'good', 'rejected': 'bad'},
        {'prompt': 'q', 'chosen': 'same', 'rejected': 'same'},
        {
            'conversations': [{'role': r, 'content': 'x'} for r in ('user', 'assistant', 'user')],
            'chosen': 'c',
            'rejected': 'd',
        },
    ]
    (tmp_path / 'pairs.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    verdicts, others = preferred_pairs(tmp_path / 'pairs.jsonl', 'preference')
    assert [(v.pair, v.b_wins) for v in verdicts] == [(Pair('p', 'bad', 'good'), 1)] and others == 1
    (tmp_path / 'ranked.jsonl').write_text(
        json.dumps({'prompt': 'p', 'responses': ['b', 'a', 'c'], 'scores': [5, 9, 5]})
    )
    verdicts, others = preferred_pairs(tmp_path / 'ranked.jsonl', 'ranked')
    assert {v.pair for v in verdicts} == {Pair('p', 'b', 'a'), Pair('p', 'c', 'a')} and not others
    (tmp_path / 'none.jsonl').write_text(json.dumps(rows[1]))
    with pytest.raises(UserError, match='holds no pair'):
        preferred_pairs(tmp_path / 'none.jsonl', 'preference')


def test_preferences_are_rated_as_a_model_tuned_on_them_has_read_them(tmp_path, model):
    """GPT-4-LLM's comparisons: what an instruction is about stands in the prompt, and no blanks around answers."""
    prompt = _WITH_INPUT.format(instruction='Translate.', context='Bonjour')
    answers = [{'response': 'Hello \n', 'score': 9}, {'response': 'A plane', 'score': 2}]
    path = tmp_path / 'comparisons.jsonl'
    path.write_text(json.dumps({'user_input': prompt, 'responses_and_scores': answers}))
    prepare_instructions(Instructions(name='comparisons'), {'train': path}, 'ranked', str(tmp_path))
    data = Data(tfds_data_dir=str(tmp_path), mixture='comparisons')
    settings = Stream(sequence_length=256, input_length=160, target_length=32, directory=str(tmp_path), epochs=1)
    stream = PackedStream(write_stream(data, settings, None, prompt_format=Alpaca(), ranked=True))
    catalogue.DATASETS.pop('comparisons')
    (tree,) = stream.sequences([0])[0].examples()
    model = dataclasses.replace(model, prompt_format=Alpaca())
    better, worse = RewardModel(model, 2048).rewards([tree])[0].tolist()
    verdicts, _ = preferred_pairs(path, 'ranked')
    (verdict,) = RewardJudge(model, 2048, 'toy').verdicts([verdict.pair for verdict in verdicts])
    assert verdict.evidence['rewards'] == pytest.approx([worse, better], abs=1e-5)


def test_judge_takes_a_reward_model_and_difficulties_from_its_own_records(folder, capsys):
    """B's verdicts serve as those on another model with the same baseline."""
    files = [f'{folder}/a.jsonl', f'{folder}/b.jsonl']
    words = [f'--reward={folder}/checkpoint', f'--vocabulary={BUNDLED}', '--resamples=5']
    assert main.main(['judge', *files, *words, f'--output={folder}/verdicts.jsonl']) == 0
    records = [json.loads(line) for line in (folder / 'verdicts.jsonl').read_text().splitlines()]
    assert {record['preference'] for record in records} <= {1.0, 1.5, 2.0} and records[-1]['preference'] == 1.5
    assert records[0]['judge'] == {'kind': 'reward', 'model': f'{folder}/checkpoint'}
    by_model = [words[0].replace('--reward', '--model'), *words[1:], f'--output={folder}/by_model.jsonl']
    assert main.main(['judge', *files, *by_model]) == 0
    assert (folder / 'by_model.jsonl').read_bytes() == (folder / 'verdicts.jsonl').read_bytes()
    capsys.readouterr()
    again = [
        'judge',
        *files,
        f'--verdicts={folder}/verdicts.jsonl',
        f'--joint={folder}/verdicts.jsonl',
        '--resamples=5',
    ]
    assert main.main(again) == 0 and 'length-controlled without prior' in capsys.readouterr().out
    assert main.main([*again, f'--prior={folder}/verdicts.jsonl']) == 0
    assert 'length-controlled  ' in capsys.readouterr().out
    swapped = ['judge', *files[::-1], *words, f'--joint={folder}/verdicts.jsonl']
    assert main.main(swapped) == 2 and 'output_1 is another answer' in capsys.readouterr().err


def test_the_reward_command_rates_sets_and_is_checked_against_preferences(folder, capsys):
    rows = ({'prompt': pair.prompt, 'chosen': pair.answer_b, 'rejected': pair.answer_a} for pair in PAIRS)
    (folder / 'pairs.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    words = ['reward', f'{folder}/checkpoint', f'--vocabulary={BUNDLED}', f'--output={folder}/out']
    assert main.main([*words, f'{folder}/a.jsonl', f'{folder}/b.jsonl', f'--preferences={folder}/pairs.jsonl']) == 0
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in (folder / 'out' / 'rewards.jsonl').read_text().splitlines()]
    assert len(lines) == 2 * len(PAIRS) and 'of 4 pairs, expected calibration error' in printed
    for name in ('rewards', 'calibration'):
        assert (folder / 'out' / f'{name}.svg').read_text().startswith('<svg')
    wins = sum(b['reward'] > a['reward'] for a, b in zip(lines[:4], lines[5:9]))
    assert f'accuracy {100 * wins / 4:.1f} %' in printed


def test_a_folder_of_hugging_faces_with_one_output_is_a_reward_model_and_a_language_model_is_none(folder, capsys):
    files = [f'{folder}/a.jsonl', f'{folder}/b.jsonl']
    for name, head in (('hf', init_value_head(SERVED, jax.random.key(3))), ('lm', {})):
        (folder / name).mkdir()
        write_model(folder / name, SERVED, toy.random_params(SERVED, scale=0.5) | head)
        write_llama3(folder / name)
    words = ['judge', *files, '--resamples=5', f'--output={folder}/hf.jsonl']
    assert main.main([*words, f'--reward={folder}/hf']) == 0
    first = json.loads((folder / 'hf.jsonl').read_text().splitlines()[0])
    rewards = [alone(load(str(folder / 'hf')), PAIRS[0].prompt, first[f'output_{i}']) for i in (1, 2)]
    assert first['evidence']['rewards'] == pytest.approx(rewards, abs=1e-4)
    assert main.main([*words, f'--reward={folder}/lm']) == 2
    assert 'no scalar head' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['m', '--output=o'], 'name files of answers'),
        (['m', 'a', 'a', '--output=o'], 'named twice'),
        (['m', '--output=o', '--preferences=p', '--verdicts=v'], 'not both'),
        (['m', 'a', '--output=o', '--batch_tokens=0'], '--batch_tokens=0'),
    ],
)
def test_what_does_not_go_together_is_refused(words, message, capsys):
    assert main.main(['reward', *words]) == 2
    assert message in capsys.readouterr().err
