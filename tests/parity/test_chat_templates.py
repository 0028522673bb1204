"""Tokens and loss masks of chat templates against transformers' `apply_chat_template`."""

import pytest

from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.data.formats.dialogue import Dialogue
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.convert.tokenizers_trained import TEXT, write_chat
from tests.data.chat_templates import STOCK, text_of
from tests.parity.models import transformers

LINES = TEXT.splitlines()


def messages_of(dialogue):
    messages = [{'role': 'system', 'content': dialogue.system}] if dialogue.system else []
    for question, answer in dialogue.turns:
        messages += [{'role': 'user', 'content': question}, {'role': 'assistant', 'content': answer}]
    return messages


def pair(folder, special_tokens, tokens, template):
    """Format and vocabulary of ours, and transformers' tokenizer."""
    write_chat(folder, special_tokens, tokens, template)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    return ChatTemplate(str(folder)), Vocabulary(str(folder)), theirs


@pytest.mark.parametrize('name', STOCK)
def test_prompts_and_dialogues_have_the_tokens_of_transformers(name, tmp_path):
    stock = STOCK[name]
    ours, vocabulary, theirs = pair(tmp_path, stock.special_tokens, stock.tokens, text_of(name))
    dialogues = [stock.dialogue, *(Dialogue(a.strip(), b.strip(), (c.strip(), a.strip())) for a, b, c in zip(
        LINES, LINES[1:], LINES[2:]))]  # fmt: skip
    for dialogue in dialogues:
        messages = messages_of(dialogue)
        asked = ours.encode_asked(vocabulary, dialogue)
        prompt = theirs.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=False)
        assert asked.prompt == prompt
        whole = theirs.apply_chat_template(messages, return_dict=False)
        encoded = asked.prompt + asked.response
        assert encoded == whole[: len(encoded)]
        assert not theirs.decode(whole[len(encoded) :]).strip()  # a line break after the last turn, never learned


MARKED = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}"
    '{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content + eos_token }}{% endif %}'
    "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""A template that says itself what a model generates, as stock templates do not."""


def test_the_mask_is_that_of_a_template_which_marks_it(tmp_path):
    special = {'bos_token': '<s>', 'eos_token': '</s>'}
    ours, vocabulary, theirs = pair(tmp_path, special, ('<|user|>', '<|assistant|>', '<|system|>'), MARKED)
    for texts in zip(LINES, LINES[1:], LINES[2:], LINES[3:]):
        one, two, three, four = (text.strip() for text in texts)
        dialogue = Dialogue(one, two, (three, four), system='Be brief.')
        found = theirs.apply_chat_template(
            messages_of(dialogue), return_dict=True, return_assistant_tokens_mask=True, tokenize=True
        )
        encoded = ours.encode_learned(vocabulary, dialogue)
        mask = [0] * len(encoded.prompt) + [int(weight) for weight in encoded.weights]
        assert encoded.prompt + encoded.response == found['input_ids'][: len(mask)]
        assert mask == found['assistant_masks'][: len(mask)] and not any(found['assistant_masks'][len(mask) :])
        assert any(mask)
