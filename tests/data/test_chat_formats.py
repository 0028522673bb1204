"""Chat formats: the text is the published one, the mask is the answers with their ends, or there is an error."""

import dataclasses
import json

import pytest

from flan_jax.data.formats import format_named, format_of, known_formats
from flan_jax.data.formats.alpaca import Alpaca
from flan_jax.data.formats.chat_template import ChatTemplate, ChatTemplateError
from flan_jax.data.formats.dialogue import ANSWER_PLACEHOLDER, Dialogue
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import EOS_MARK
from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.tokenize_dialogues import DialogueEncoder
from flan_jax.data.tokenized import LENGTH_BOUND
from flan_jax.errors import UserError
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import write_chat
from tests.data.chat_templates import BARE, BRIEF, STOCK, text_of

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

FORMATS = [Flan(), Plain(), Tulu(), Alpaca(), ChatTemplate(CHATML)]


@pytest.fixture(scope='module')
def bundled():
    return Vocabulary()


def learned(encoded, vocabulary):
    """The text of every run of learned tokens."""
    runs, before = [], 0.0
    for token, weight in zip(encoded.response, encoded.weights):
        if weight and not before:
            runs.append([])
        if weight:
            runs[-1].append(token)
        before = weight
    return [vocabulary.decode_all(run) for run in runs]


@pytest.mark.parametrize('name', STOCK)
def test_the_text_and_the_mask_of_stock_templates(name):
    stock = STOCK[name]
    special = {'bos_token': '', **stock.special_tokens}
    assert tuple(ChatTemplate(text_of(name)).segments_of(stock.dialogue, special)) == stock.segments


@pytest.mark.parametrize('name', STOCK)
def test_special_tokens_are_ids_and_answers_end_with_the_one_that_stops_generation(name, tmp_path):
    stock = STOCK[name]
    write_chat(tmp_path, stock.special_tokens, stock.tokens, text_of(name))
    vocabulary, prompt_format = Vocabulary(str(tmp_path)), ChatTemplate(str(tmp_path))
    encoded = prompt_format.encode_learned(vocabulary, stock.dialogue)
    assert learned(encoded, vocabulary) == [stock.segments[1], stock.segments[3]]
    end = prompt_format.end_id(vocabulary)
    assert encoded.response[-1] == end and encoded.response.count(end) >= 2
    ids = encoded.prompt + encoded.response
    for token in {*stock.special_tokens.values(), *stock.tokens}:
        assert vocabulary.decode_all(ids).count(token) == ids.count(*vocabulary.encode_marked(token))
    asked = prompt_format.encode_asked(vocabulary, stock.dialogue)
    assert asked.prompt + asked.response == ids and all(asked.weights)
    answer = vocabulary.decode(asked.response[: asked.response.index(end)])
    assert prompt_format.finish(answer).endswith('Bob.')


LOOP = '{{% for m in messages %}}{}{{% endfor %}}'.format


@pytest.mark.parametrize(
    ('template', 'dialogue', 'message'),
    [
        (text_of('gemma2'), BRIEF, 'rejects messages with roles system, user.*System role not supported'),
        (
            text_of('mistral'),
            BRIEF,
            'not a prefix of the dialogue',
        ),  # the system message stands before the last question
        (LOOP("{{ m.content | replace('B', 'b') + eos_token }}"), BARE, 'changes an answer'),
        (
            LOOP("{{ m.content + (eos_token if loop.last and m.role == 'assistant' else '') }}"),
            BARE,
            'changes an answer',
        ),
        (LOOP("{{ m.content + '\n' }}"), BARE, 'writes nothing after an answer'),
        (LOOP("{% if m.role == 'user' %}{{ m.content }}{% endif %}"), BARE, 'does not put the answer'),
        (LOOP('{{ m.content }}') + '{% if add_generation_prompt %}>{% endif %}', BARE, 'not a prefix'),
        ('{% for m in messages %}', BARE, 'is not valid Jinja: line 1'),
        ('{{ messages.append(1) }}', BARE, 'rejects messages'),  # the sandbox
        ('{{ strftime_now("%d") }}', BARE, "'strftime_now' is undefined"),  # the text must not depend on the day
    ],
)
def test_what_cannot_be_learned_from_is_refused(template, dialogue, message):
    with pytest.raises(ChatTemplateError, match=message):
        ChatTemplate(template).segments_of(dialogue, {'bos_token': '<s>', 'eos_token': '</s>'})


def test_a_template_without_end_of_turn_is_refused_when_it_is_named():
    with pytest.raises(ChatTemplateError, match='not learn to stop'):
        ChatTemplate('{% for m in messages %}{{ m.content }}{% endfor %}')


def test_thoughts_of_earlier_turns_that_a_template_drops_are_refused():
    thinking = Dialogue('And?', 'Bob.', ('Who?', '<think>\nHm.\n</think>\n\nAnn.'))
    with pytest.raises(ChatTemplateError, match='changes an answer'):
        ChatTemplate(text_of('qwen3')).segments_of(thinking, {})
    last = Dialogue('Who?', '<think>\nHm.\n</think>\n\nAnn.')
    assert ChatTemplate(text_of('qwen3')).segments_of(last, {})[1] == '<think>\nHm.\n</think>\n\nAnn.<|im_end|>'


def test_thoughts_of_earlier_turns_are_dropped_where_they_are_only_read(tmp_path):
    """A model that thinks is talked with: its own answer of before is shown to it as the template has it."""
    stock = STOCK['qwen3']
    write_chat(tmp_path, stock.special_tokens, stock.tokens, text_of('qwen3'))
    vocabulary, prompt_format = Vocabulary(str(tmp_path)), ChatTemplate(str(tmp_path))
    plain = Dialogue('And?', 'Bob.', ('Who?', 'Ann.'))
    thinking = dataclasses.replace(plain, history=('Who?', '<think>\nHm.\n</think>\n\nAnn.'))
    assert prompt_format.encode_asked(vocabulary, thinking) == prompt_format.encode_asked(vocabulary, plain)
    with pytest.raises(ChatTemplateError, match='changes an answer'):
        prompt_format.encode_asked(vocabulary, dataclasses.replace(thinking, history=(), answer='</think> no'))


def test_a_system_message_that_stands_before_the_last_question_is_asked_with_and_not_learned_from(tmp_path):
    stock = STOCK['mistral']
    write_chat(tmp_path, stock.special_tokens, stock.tokens, text_of('mistral'))
    vocabulary, prompt_format = Vocabulary(str(tmp_path)), ChatTemplate(str(tmp_path))
    asked = prompt_format.encode_asked(vocabulary, dataclasses.replace(BRIEF, answer=ANSWER_PLACEHOLDER))
    text = '<s>[INST] Who?[/INST] Ann.</s>[INST] Be brief.\n\nAnd?[/INST]'
    assert asked.prompt == vocabulary.encode_marked(text)
    with pytest.raises(ChatTemplateError, match='not a prefix of the dialogue'):
        prompt_format.encode_asked(vocabulary, BRIEF)


@pytest.mark.parametrize('name', ['llama3.1', 'gemma2', 'mistral'])
def test_answers_may_have_blanks_around_that_a_template_takes_off(name):
    stock = STOCK[name]
    special = {'bos_token': '', **stock.special_tokens}
    blank = dataclasses.replace(
        stock.dialogue,
        answer=f' {stock.dialogue.answer}\n',
        history=(stock.dialogue.history[0], f'{stock.dialogue.history[1]} \n', *stock.dialogue.history[2:]),
    )
    template = ChatTemplate(text_of(name))
    assert template.segments_of(blank, special) == template.segments_of(stock.dialogue, special)


def test_a_long_question_loses_its_end_whatever_blanks_stand_around_it(tmp_path):
    stock = STOCK['llama3.1']
    write_chat(tmp_path, stock.special_tokens, stock.tokens, text_of('llama3.1'))
    vocabulary, prompt_format = Vocabulary(str(tmp_path)), ChatTemplate(str(tmp_path))
    question = 'Who? ' * 200
    cut = prompt_format.encode_prompt(vocabulary, f'{question}\n', 300)
    assert len(cut) == 300 and cut == prompt_format.encode_prompt(vocabulary, question.strip(), 300)


def test_templates_are_found_where_tokenizers_keep_them(tmp_path):
    config, single = tmp_path / 'tokenizer_config.json', tmp_path / 'chat_template.jinja'
    with pytest.raises(UserError, match='does not exist'):
        ChatTemplate(str(tmp_path))
    config.write_text('{}')
    with pytest.raises(UserError, match='has no "chat_template"'):
        ChatTemplate(str(tmp_path))
    config.write_text(json.dumps({'chat_template': [{'name': 'tool_use', 'template': 'x'},
                                                    {'name': 'default', 'template': CHATML}]}))  # fmt: skip
    assert ChatTemplate(str(tmp_path)) == ChatTemplate(str(config)) == ChatTemplate(CHATML)
    single.write_text(text_of('olmo2'))
    assert ChatTemplate(str(tmp_path)) == format_named(str(single)) == ChatTemplate(text_of('olmo2'))
    with pytest.raises(UserError, match="prompt format 'chattemplate' needs 'template'"):
        format_named('chattemplate')


def test_the_text_of_tulu():
    """Hewitt et al. 2024, section 2, and its ablation of the tags."""
    assert Tulu().segments(None, BRIEF) == [
        '<|system|>\nBe brief.\n<|user|>\nWho?\n<|assistant|>\n', f'Ann.{EOS_MARK}',
        '\n<|user|>\nAnd?\n<|assistant|>\n', f'Bob.{EOS_MARK}',
    ]  # fmt: skip
    assert Tulu(user='<|A|>', assistant='<|B|>').segments(None, Dialogue('', 'Ann.')) == [
        '<|A|>\n\n<|B|>\n', f'Ann.{EOS_MARK}',
    ]  # fmt: skip
    for wrong in ({'user': '<{x}>'}, {'user': '<|assistant|>'}, {'user': ''}):
        with pytest.raises(SettingsError, match=r'Tulu\.'):
            Tulu(**wrong)


def test_eos_begins_where_there_is_no_bos(bundled):
    assert bundled.bos_id is None
    assert Tulu(eos_as_bos=True).encode_prompt(bundled, 'a')[0] == bundled.eos_id
    assert Tulu().encode_prompt(bundled, 'a')[0] != bundled.eos_id


def test_alpaca_has_another_text_where_there_is_an_input():
    one, _ = Alpaca().segments(None, Dialogue('Add.', '3'))
    two, _ = Alpaca().segments(None, Dialogue('Add.\n\n1, 2', '3', context='1, 2'))
    assert one.endswith('.\n\n### Instruction:\nAdd.\n\n### Response:') and 'input' not in one.lower()
    assert two.endswith('.\n\n### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:')
    assert 'paired with an input' in two


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_every_format_learns_every_answer_of_a_dialogue(prompt_format, bundled):
    """What is learned of a dialogue is what single turns teach, and prompts are those of asking."""
    encoded = prompt_format.encode_learned(bundled, BRIEF)
    alone = [bundled.decode_all(prompt_format.encode_response(bundled, text)) for text in ('Ann.', 'Bob.')]
    assert learned(encoded, bundled) == alone
    asked = prompt_format.encode_asked(bundled, BRIEF)
    assert asked.prompt + asked.response == encoded.prompt + encoded.response
    assert len(encoded.weights) == len(encoded.response)
    first = prompt_format.encode_asked(bundled, Dialogue('Who?', 'Ann.', system='Be brief.'))
    assert encoded.prompt == first.prompt and encoded.response[: len(first.response)] == first.response


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_what_does_not_fit_goes_turn_by_turn(prompt_format, bundled):
    whole = prompt_format.encode_learned(bundled, BRIEF)
    single = prompt_format.encode_learned(bundled, Dialogue('Who?', 'Ann.', system='Be brief.'))
    assert prompt_format.encode_learned(bundled, BRIEF, None, len(whole.response)) == whole
    assert not (whole.prompt_cut or whole.response_cut)
    assert prompt_format.encode_learned(bundled, BRIEF, None, len(whole.response) - 1) == dataclasses.replace(
        single, response_cut=True
    )
    cut = prompt_format.encode_learned(bundled, BRIEF, None, len(single.response) - 1)
    assert cut.response == single.response[:-1] and len(cut.weights) == len(cut.response) and cut.response_cut
    asked = prompt_format.encode_asked(bundled, BRIEF)
    shorter = prompt_format.encode_asked(bundled, BRIEF, len(asked.prompt) - 1)
    assert (
        shorter.prompt_cut
        and shorter.prompt == prompt_format.encode_asked(bundled, Dialogue('And?', 'Bob.', system='Be brief.')).prompt
    )
    long = prompt_format.encode_prompt(bundled, 'word' + ' word' * 200)
    assert prompt_format.encode_prompt(bundled, 'word' + ' word' * 200, 100)[-4:] == long[-4:]


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_a_format_is_found_again_by_its_recipe(prompt_format):
    assert format_of(json.loads(json.dumps(prompt_format.recipe))) == prompt_format
    assert type(prompt_format).__name__.lower() in known_formats()


def test_a_format_whose_exemplars_are_no_turns_has_no_dialogues():
    class Listed(Plain):
        exemplar = '{target}: {input}'

    with pytest.raises(UserError, match="'listed': exemplar does not start with"):
        Listed().segments(None, BRIEF)
    assert Listed().segments(None, Dialogue('Who?', 'Ann.')) == ['Who?', ' Ann.']


def test_exemplars_stand_before_a_dialogue_as_far_as_they_fit(bundled):
    encoder = DialogueEncoder(Tulu(), bundled)
    exemplars = ['What?', 'That.', 'Long. ' * 300, 'Yes.', 'Never?', 'No.']
    encoded, shots = encoder.encode(BARE, exemplars, {})
    assert shots == 1 and len(encoded.prompt) < LENGTH_BOUND
    words = bundled.decode_all(encoded.prompt).replace('</s>', '').replace('<|', ' <|').replace('|>', '|> ').split()
    assert ' '.join(words) == (
        '<|user|> What? <|assistant|> That. <|user|> Who? <|assistant|> Ann. <|user|> And? <|assistant|>'
    )
