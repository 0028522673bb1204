"""The library from Python: what it says is what the model computes, whichever way the model is named."""

import dataclasses
import gc
import io
import json
import subprocess
import sys
import weakref

import jax
import numpy as np
import pytest

import flan_jax
from flan_jax.command import main
from flan_jax.convert.base_model import from_hugging_face
from flan_jax.convert.write import write_model
from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.errors import UnknownName, UserError
from flan_jax.inference.generation import Generator
from flan_jax.inference.sampling import Sampling
from flan_jax.loaded_model import load as load_model
from flan_jax.model.config import Learned
from flan_jax.model.inputs import Inputs
from flan_jax.terminal import shown
from tests.command.converted_base import CONFIG
from tests.convert.tokenizers_trained import write_chat
from tests.data.chat_templates import STOCK, text_of
from tests.toy import logits, random_params

TURNS = [('system', 'Be brief.'), ('user', 'Who?'), ('assistant', 'Ann.'), ('user', 'And?')]
MESSAGES = [{'role': role, 'content': text} for role, text in TURNS]
SHORT = {'max_new_tokens': 6}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A model as Hugging Face keeps it, with a chat template."""
    folder = tmp_path_factory.mktemp('model') / 'hf'
    folder.mkdir()
    write_model(folder, CONFIG, random_params(CONFIG))
    stock = STOCK['qwen3']
    write_chat(folder, stock.special_tokens, stock.tokens, text_of('qwen3'))
    return folder


@pytest.fixture(scope='module')
def model(folder):
    return flan_jax.load(str(folder))


def test_the_input_of_an_instruction_is_prompted_as_in_tuning(folder, tmp_path, capsys):
    """Alpaca's format has a heading for it, which a model that was tuned on inputs expects."""
    model = flan_jax.load(str(folder), prompt_format='alpaca')
    vocabulary, rows = model.loaded.vocabulary, [('Add.', '1, 2'), ('Add one.', '')]
    questions = [f'{instruction}\n\n{about}'.strip() for instruction, about in rows]
    expected = [
        Alpaca().encode_asked(vocabulary, Dialogue(question, 'any', context=about)).prompt
        for question, (_, about) in zip(questions, rows)
    ]
    encoded = [model.encode(question, about).tolist() for question, (_, about) in zip(questions, rows)]
    assert encoded == expected and 'Input' in vocabulary.decode(encoded[0])
    contexts = [about for _, about in rows]
    answers = model.generate(questions, contexts=contexts, **SHORT)
    assert answers[0] != model.generate(questions[0], **SHORT)
    assert answers[0] == model.generate(questions[0], contexts=contexts[0], **SHORT)
    with pytest.raises(UserError, match='contexts has 1 texts for 2 prompts'):
        model.generate(questions, contexts=contexts[:1], **SHORT)
    (tmp_path / 'asked.json').write_text(json.dumps([{'instruction': i, 'input': about} for i, about in rows]))
    words = ['--prompt_format=alpaca', f'--file={tmp_path}/asked.json', '--max_new_tokens=6']
    assert main.main(['generate', str(folder), *words]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{'prompt': prompt, 'answer': answer} for prompt, answer in zip(questions, answers)]


def test_importing_it_imports_nothing_heavy():
    """Nor does a model need TensorFlow."""
    code = (
        'import sys, flan_jax\n'
        'assert not {"jax", "numpy", "tensorflow"} & set(sys.modules)\n'
        'flan_jax.load, flan_jax.Model, flan_jax.render\n'
        'assert "jax" in sys.modules and "tensorflow" not in sys.modules'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_scores_are_log_probabilities_of_whole_answers(model):
    options = ['yes', 'no', 'maybe', 'yes']
    scores = model.score('Is it good?', options)
    vocabulary, prompt_format = model.loaded.vocabulary, model.loaded.prompt_format
    prompt = prompt_format.encode_prompt(vocabulary, 'Is it good?')
    for option, score in zip(options, scores):
        response = prompt_format.encode_response(vocabulary, option)
        tokens = np.array([prompt + response])
        positions = np.arange(tokens.shape[1])[None]
        inputs = Inputs(tokens, positions, np.ones_like(tokens))
        log_probs = np.asarray(jax.nn.log_softmax(logits(CONFIG, model.loaded.params, inputs)))[0]
        expected = sum(log_probs[len(prompt) - 1 + place, token] for place, token in enumerate(response))
        assert score == pytest.approx(float(expected), abs=1e-3)
    assert scores[0] == scores[3]


def test_a_dialogue_is_asked_as_the_template_renders_it(model):
    text = model.loaded.prompt_format._render(MESSAGES, model.loaded.vocabulary.special_tokens, asks=True)
    generator = Generator(model.loaded, max_new_tokens=6, batch_tokens=512)
    (ids,) = generator.answer([np.array(model.loaded.vocabulary.encode_marked(text), np.int32)])
    expected = model.loaded.prompt_format.finish(model.loaded.vocabulary.decode(ids))
    assert model.chat(MESSAGES, **SHORT) == expected
    assert model.chat(MESSAGES[1:2], **SHORT) == model.generate('Who?', **SHORT)


def test_several_prompts_are_answered_as_each_alone(model):
    prompts = ['Is it good?', 'yes', 'A man walks. Is he sitting?']
    assert model.generate(prompts, **SHORT) == [model.generate(prompt, **SHORT) for prompt in prompts]
    sampled = [model.generate('yes', temperature=3.0, seed=seed, **SHORT) for seed in (1, 1, 2)]
    assert sampled[0] == sampled[1] != sampled[2]


def test_a_folder_and_its_conversion_are_one_model(folder, model, tmp_path):
    from_hugging_face(folder, tmp_path / 'converted')
    converted = load_model(tmp_path / 'converted')
    assert converted.prompt_format == model.loaded.prompt_format == ChatTemplate(text_of('qwen3'))
    for name, value in model.loaded.params.items():
        np.testing.assert_array_equal(converted.params[name], value)


def test_the_command_answers_and_talks_like_it(folder, model, monkeypatch, capsys):
    asked = [str(folder), '--max_new_tokens=6']
    assert main.main(['generate', *asked, '--prompt', 'yes', '--prompt', 'no']) == 0
    assert capsys.readouterr().out == shown('\n'.join([*model.generate(['yes', 'no'], **SHORT), '']))
    monkeypatch.setattr('sys.stdin', io.StringIO('Who?\n\nAnd?\n'))
    assert main.main(['generate', *asked, '--chat', '--system=Be brief.']) == 0
    first = model.chat(MESSAGES[:2], **SHORT)
    second = model.chat([*MESSAGES[:2], {'role': 'assistant', 'content': first}, MESSAGES[3]], **SHORT)
    assert capsys.readouterr().out == shown('\n'.join([first, second, '']))


def test_a_model_that_is_let_go_of_frees_its_weights_at_once(folder):
    """Whatever was asked of it: those of the next one may need the room."""
    model = flan_jax.load(str(folder))
    kept = weakref.ref(next(iter(model.loaded.params.values())))
    model.score('yes', ['no', 'yes'])
    model.generate('yes', **SHORT)
    assert list(model.stream([model.encode('yes')], **SHORT))
    gc.collect()
    gc.disable()
    try:
        del model
        assert kept() is None
    finally:
        gc.enable()


def test_what_does_not_fit_is_refused(model, tmp_path):
    for turns in ([], MESSAGES[:3], MESSAGES[1:] + MESSAGES[1:2], MESSAGES[:1]):
        with pytest.raises(UserError, match='must take turns'):
            model.chat(turns)
    with pytest.raises(UserError, match='beam search does not sample'):
        model.generate('yes', beams=2, temperature=1.0)
    with pytest.raises(UserError, match='is not a checkpoint'):
        flan_jax.load(str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    with pytest.raises(UserError, match='has no checkpoint yet'):
        flan_jax.load(str(tmp_path))
    with pytest.raises(UserError, match='nowhere: no such folder'):
        flan_jax.load(str(tmp_path / 'nowhere'))
    with pytest.raises(AttributeError):
        getattr(flan_jax, 'lode')  # noqa: B009


def test_a_row_is_rendered_as_evaluation_renders_it(samples_dir):
    from flan_jax import catalogue
    from flan_jax.data.prepared_source import PreparedSource
    from flan_jax.data.preview import rendered_examples

    dataset = catalogue.dataset('rte')
    rows = PreparedSource(dataset, samples_dir).get_dataset('train', shuffle=False).as_numpy_iterator()
    for row, expected in zip(rows, rendered_examples(dataset, 'train', samples_dir, limit=3)):
        found = [flan_jax.render('rte', row, template) for template in range(10)]
        assert [(each.prompt, each.response) for each in found] == list(expected.prompts)
        assert {each.options for each in found} == {expected.choices}
    plain = {'premise': 'A man walks.', 'hypothesis': 'He sits.', 'label': 1}
    assert 'A man walks.' in flan_jax.render('rte', plain).prompt
    with pytest.raises(UserError, match='hypothesis'):
        flan_jax.render('rte', {'premise': 'A man walks.', 'label': 1})
    with pytest.raises(UserError, match='rte has templates 0 to 9'):
        flan_jax.render('rte', plain, 10)
    with pytest.raises(UnknownName):
        flan_jax.render('rtee', plain)


@pytest.mark.parametrize(
    ('decoding', 'message'),
    [
        ({'max_new_tokens': 10**6}, 'max_new_tokens=1000000: must be an integer from 1 to'),
        ({'max_new_tokens': 0}, 'max_new_tokens=0'),
        ({'max_new_tokens': 2.5}, 'max_new_tokens=2.5'),
        ({'max_new_tokens': '3'}, "max_new_tokens='3'"),
        ({'seed': 10**20}, 'seed=100000000000000000000'),
        ({'seed': -1}, 'seed=-1'),
        ({'temperature': [1.0]}, 'temperature=.1.0.: must be a number'),
        ({'temperature': float('nan')}, 'temperature=nan: must be a number'),
        ({'max_new_token': 2}, 'did you mean max_new_tokens'),
        ({'decoding': Sampling(), 'temperature': 0.5}, 'temperature would have no effect'),
    ],
)
def test_decoding_that_cannot_be_is_refused(model, decoding, message):
    with pytest.raises(UserError, match=message):
        model.generate('yes', **decoding)
    with pytest.raises(UserError, match=message):
        model.chat(MESSAGES, **decoding)


@pytest.mark.parametrize(
    ('ask', 'message'),
    [
        (lambda model: model.score('Is it?', 'yes'), "options='yes': must be a list of strings"),
        (lambda model: model.score('Is it?', [1, 2]), 'options: 1 is not a string'),
        (lambda model: model.generate(['yes', 5]), 'prompts: 5 is not a string'),
        (lambda model: model.generate(5), 'prompts=5: must be a list of strings'),
        (lambda model: model.generate(['a b', 'b'], contexts=['b']), 'contexts has 1 texts for 2 prompts'),
        (lambda model: model.generate(['a b'], contexts=['a']), "contexts: 'a' is not the end of its prompt"),
        (lambda model: model.generate('\ud800'), 'contains a lone surrogate'),
        (lambda model: model.chat([{'role': 'user', 'content': '\ud800'}]), 'contains a lone surrogate'),
        (lambda model: next(model.stream(['yes'])), 'must be a list of token ids; `encode`'),
        (lambda model: next(model.stream([model.encode('yes')], alternatives=21)), 'an integer from 0 to 20'),
    ],
)
def test_what_is_no_text_is_refused(model, ask, message):
    """A text in place of a list would be taken letter by letter, and scored as if that were asked for."""
    with pytest.raises(UserError, match=message):
        ask(model)


def test_a_text_alone_is_one_that_stops(model):
    def streamed(stop):
        return ''.join(piece.text for piece in model.stream([model.encode('yes')], stop=stop, **SHORT))

    whole = streamed(())
    assert len(whole) > 2 and streamed(whole[1:3]) == whole[: whole.index(whole[1:3])].strip()
    assert streamed('') == streamed(['']) == whole


def test_a_dtype_that_is_none_is_refused_before_weights_are_read(folder):
    with pytest.raises(UserError, match="param_dtype='int8': must be one of float32, bfloat16"):
        flan_jax.load(str(folder), param_dtype='int8')
    with pytest.raises(UserError, match="dtype='float16': must be one of auto, float32, bfloat16"):
        flan_jax.load(str(folder), dtype='float16')


@pytest.mark.parametrize('message', [{'role': 'user'}, {'role': 'user', 'content': 3}, 'Who?'])
def test_messages_that_are_none_are_refused(model, message):
    with pytest.raises(UserError, match='message 0 is'):
        model.chat([message])


def test_the_longest_answer_leaves_room_for_a_prompt(folder):
    config = dataclasses.replace(CONFIG, position=Learned(max_length=12))
    params = random_params(config)
    loaded = load_model(folder)
    small = flan_jax.Model(dataclasses.replace(loaded, config=config, params=params))
    assert small.longest_answer == 11
    with pytest.raises(UserError, match='max_new_tokens=12: must be an integer from 1 to 11'):
        small.generate('yes', max_new_tokens=12)
