"""Prompts are answered from words, files and typed lines alike, by any checkpoint."""

import io
import json
import re

import pytest

from flan_jax.command import main
from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import BUNDLED, Vocabulary
from flan_jax.training import checkpoints
from tests.toy import random_params

PROMPTS = ['Is it good?', 'Translate to German: good morning', 'yes']
CONFIG = DecoderConfig(
    vocab_size=4096, num_layers=1, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary(base=500.0)
)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model') / 'checkpoint'
    params = random_params(CONFIG)
    metadata = {'model': as_plain(CONFIG), 'vocabulary': Vocabulary().fingerprint}
    checkpoints.save_params(folder, params, metadata)
    return folder


def arguments(checkpoint, *more):
    return ['generate', f'--checkpoint={checkpoint}', f'--vocabulary={BUNDLED}', '--max_new_tokens=4', *more]


@pytest.fixture(scope='module')
def answers(checkpoint, tmp_path_factory):
    """What the model answers to the prompts of a file."""
    folder = tmp_path_factory.mktemp('files')
    (folder / 'prompts.jsonl').write_text(''.join(json.dumps({'prompt': prompt}) + '\n' for prompt in PROMPTS))
    output = folder / 'answers.jsonl'
    assert main.main(arguments(checkpoint, f'--file={folder}/prompts.jsonl', f'--output={output}')) == 0
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [pair['prompt'] for pair in found] == PROMPTS
    return [pair['answer'] for pair in found]


def test_words_of_the_command_are_answered(checkpoint, answers, capsys):
    assert main.main(arguments(checkpoint, *PROMPTS)) == 0
    assert capsys.readouterr().out == '\n'.join(answers) + '\n'


def test_a_file_of_lines_is_answered(checkpoint, answers, tmp_path, capsys):
    (tmp_path / 'prompts.txt').write_text('\n\n'.join(PROMPTS))
    assert main.main(arguments(checkpoint, f'--file={tmp_path}/prompts.txt')) == 0
    assert [json.loads(line)['answer'] for line in capsys.readouterr().out.splitlines()] == answers


RULES = [
    '--gin_file=gin/decoding/rule_adapter.gin',
    "--gin.TokenScores.texts=('I',)",
    '--gin.TokenScores.scores=(-5.0,)',
]


def test_a_gin_file_says_how_to_decode(checkpoint, answers, capsys):
    assert main.main(arguments(checkpoint, *RULES, '--gin.Greedy.processors=()', *PROMPTS)) == 0
    assert capsys.readouterr().out == '\n'.join(answers) + '\n'
    assert main.main(arguments(checkpoint, *RULES, '--gin.EosRamp.weight=1e6', *PROMPTS)) == 0
    first_token, *_ = capsys.readouterr().out.splitlines()  # before it nothing is added, before the second enough
    assert first_token and answers[0].startswith(first_token) and answers[0] != first_token


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (RULES[:1], "TokenScores.texts: .* has no token for ' <'"),
        ([*RULES, '--beams=2'], '--gin_file sets the decoding; remove --beams'),
        (['--gin.EosRamp.weight=1'], '--gin.EosRamp.weight: only applies with --gin_file'),
        (['--gin_file=gin/decoding/rule_adaptor.gin'], 'did you mean gin/decoding/rule_adapter.gin'),
        (['--repetition_penalty=0'], ': repetition_penalty=0.0: must be a number above 0'),
    ],
)
def test_decoding_that_cannot_be_is_refused(checkpoint, more, message, capsys):
    assert main.main(arguments(checkpoint, *more, 'yes')) == 2
    assert re.search(message, capsys.readouterr().err)


def test_typed_lines_are_answered_one_by_one(checkpoint, answers, monkeypatch, capsys):
    monkeypatch.setattr('sys.stdin', io.StringIO('\n'.join(PROMPTS[:2]) + '\n\n'))
    assert main.main(arguments(checkpoint)) == 0
    assert capsys.readouterr().out == '\n'.join(answers[:2]) + '\n'


def test_beams_of_width_one_are_greedy_and_samples_are_by_seed(checkpoint, answers, capsys):
    assert main.main(arguments(checkpoint, '--beams=1', *PROMPTS)) == 0
    assert capsys.readouterr().out == '\n'.join(answers) + '\n'
    sampled = []
    for seed in (1, 1, 2):
        assert main.main(arguments(checkpoint, '--temperature=5', f'--seed={seed}', PROMPTS[0])) == 0
        sampled.append(capsys.readouterr().out)
    assert sampled[0] == sampled[1] != sampled[2]


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['--file=nothing.txt'], 'nothing.txt: no such file; set --file'),
        (['--file=nothing.txt', 'word'], 'prompts and --file are both given'),
        (['--beams=2', '--temperature=1', 'word'], 'use --beams or --temperature'),
        (['--chat', 'word'], 'remove the prompts'),
        (['--system=x', 'word'], '--system only applies with --chat'),
        (['--beams=0', 'word'], ': beams=0: must be an integer of at least 1'),
        (['--temperature=0', 'word'], ': temperature=0.0: must be a number above 0'),
        (['--top_k=0', 'word'], ': top_k=0: must be an integer of at least 1'),
        (['--top_p=0', 'word'], ': top_p=0.0: must be above 0 and at most 1'),
        (['--max_new_tokens=0', 'word'], '--max_new_tokens=0: must be at least 1'),
        (['--tensor=3', 'word'], 'must divide the'),
        (['--prompt_format=plane', 'word'], 'did you mean plain'),
        (['--output=x', 'word'], '--output only applies with --file'),
        (['--template={a}', 'word'], '--template only applies with --file'),
        (['--max_new_token=4', 'word'], "cannot read '--max_new_token=4'"),
        (['--max_new_tokens=1000000', 'word'], 'max_new_tokens=1000000: must be an integer from 1 to'),
        (['--seed=-1', 'word'], 'seed=-1: must be an integer from 0'),
    ],
)
def test_bad_options_are_refused(checkpoint, capsys, more, message):
    assert main.main(arguments(checkpoint, *more)) == 2
    assert message in capsys.readouterr().err


def test_a_line_without_a_prompt_is_named(checkpoint, tmp_path, capsys):
    (tmp_path / 'prompts.jsonl').write_text('\n{"prompt": "a"}\n\n{"question": "b"}\n')
    assert main.main(arguments(checkpoint, f'--file={tmp_path}/prompts.jsonl')) == 2
    assert 'prompts.jsonl, line 4: expected an object with the key "prompt"' in capsys.readouterr().err


def test_a_checkpoint_without_a_vocabulary_or_with_another_is_refused(checkpoint, tmp_path, capsys):
    assert main.main(['generate', f'--checkpoint={checkpoint}', 'word']) == 2
    assert f'the vocabulary of {checkpoint} is not known' in capsys.readouterr().err
    assert main.main(['generate', f'--checkpoint={tmp_path}', 'word']) == 2
    assert 'is not a checkpoint' in capsys.readouterr().err


def test_a_task_is_refused_where_there_is_no_prompt_of_one(checkpoint, capsys):
    assert main.main(arguments(checkpoint, '--task=rte', 'Is it good?')) == 2
    assert 'task=rte' in capsys.readouterr().err


def test_an_array_of_prompts_is_answered(checkpoint, answers, tmp_path, capsys):
    (tmp_path / 'prompts.json').write_text(json.dumps([{'prompt': prompt} for prompt in PROMPTS]))
    assert main.main(arguments(checkpoint, f'--file={tmp_path}/prompts.json')) == 0
    assert [json.loads(line)['answer'] for line in capsys.readouterr().out.splitlines()] == answers


def test_examples_with_other_keys_are_asked_by_a_template(checkpoint, answers, tmp_path, capsys):
    rows = [{'prompt': 'its name', 'a': PROMPTS[0][:2], 'b': PROMPTS[0][2:]}, {'a': PROMPTS[1], 'b': ''}]
    (tmp_path / 'rows.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    assert main.main(arguments(checkpoint, f'--file={tmp_path}/rows.jsonl', '--template={a}{b}')) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    named = ['its name', PROMPTS[1]]
    assert found == [{'prompt': name, 'answer': answer} for name, answer in zip(named, answers)]
    assert main.main(arguments(checkpoint, f'--file={tmp_path}/rows.jsonl', '--template={c}')) == 2
    assert (
        'line 1: --template names {c}, which is not a string key of this example; its keys are prompt, a, b'
        in capsys.readouterr().err
    )


def test_an_alpaca_model_reads_the_input_of_a_row_as_it_did_in_tuning(checkpoint, tmp_path, capsys):
    """The plain model is asked the same prompt as text; a prompt without the section must get another answer."""
    row = {'instruction': 'Say it again.', 'input': 'A man walks.'}
    question = 'Say it again.\n\nA man walks.'
    asked = [Alpaca().prompt_text(question, context) for context in ('A man walks.', '')]
    assert '### Input:' in asked[0] and '### Input:' not in asked[1]
    (tmp_path / 'rows.json').write_text(json.dumps([row]))
    (tmp_path / 'asked.json').write_text(json.dumps([{'prompt': text} for text in asked]))
    found = []
    for name, prompt_format in (('rows', 'alpaca'), ('asked', 'plain')):
        more = [f'--file={tmp_path}/{name}.json', f'--prompt_format={prompt_format}']
        assert main.main(arguments(checkpoint, *more)) == 0
        found.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    ((rows,), (with_section, without)) = found
    assert rows['prompt'] == question
    assert rows['answer'] == with_section['answer'] != without['answer']


def test_a_file_that_cannot_be_read_or_written_is_named_before_the_work(tmp_path, capsys):
    (tmp_path / 'latin.txt').write_bytes('good\nsch\u00f6n'.encode('latin-1'))
    assert main.main(arguments('nowhere', f'--file={tmp_path}/latin.txt')) == 2
    assert 'latin.txt: byte 8 is not UTF-8' in capsys.readouterr().err
    (tmp_path / 'prompts.txt').write_text('yes')
    for output, message in (('/proc/no/answers.jsonl', 'cannot be written'), (tmp_path, 'is a folder')):
        assert main.main(arguments('nowhere', f'--file={tmp_path}/prompts.txt', f'--output={output}')) == 2
        assert message in capsys.readouterr().err
