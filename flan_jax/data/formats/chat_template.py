"""Chat templates of Hugging Face tokenizers, with a loss mask that is verified on every dialogue.

The text is that of transformers' `apply_chat_template`. The learned parts are found by rendering prefixes: the messages
before an answer, with the generation prompt, must render to a prefix of the whole dialogue, which must continue with
the answer and the end of the turn. This needs no `{% generation %}` block, which stock templates lack. Templates for
which the prefixes do not match are refused.
"""

import dataclasses
import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2.ext
import jinja2.sandbox

from flan_jax.data.formats.dialogue import ANSWER_PLACEHOLDER, Dialogue
from flan_jax.data.formats.format import AS_TEXT, EOS_MARK, PromptFormat
from flan_jax.errors import UserError
from flan_jax.files import read_json, read_utf8
from flan_jax.settings import Text
from flan_jax.tokenizers.vocabulary import Vocabulary

CONFIG_FILE, TEMPLATE_FILE = 'tokenizer_config.json', 'chat_template.jinja'

_QUESTION = 'QuestionProbe'

_WITHOUT_VOCABULARY = {'bos_token': '', 'eos_token': EOS_MARK}

Message = dict[str, str]


class ChatTemplateError(UserError):
    """A chat template that cannot be read, rendered, or learned from."""


@dataclasses.dataclass(frozen=True)
class ChatTemplate(PromptFormat):
    """A Jinja chat template.

    Templates have access to messages with 'role' and 'content', the special tokens of the vocabulary, and the functions
    that transformers provides, except `strftime_now`: the text of a run must not depend on the date.

    Attributes:
      template: path of a template, of a tokenizer_config.json, or of a tokenizer's folder, which is replaced by the
        template's text; or that text.
    """

    template: Text

    def __post_init__(self):
        object.__setattr__(self, 'template', _read(self.template))
        super().__post_init__()

    def check(self) -> None:
        """Refuses templates that cannot be rendered or have no end of turn, before any data are read."""
        self.segments_of(Dialogue(_QUESTION, ANSWER_PLACEHOLDER), _WITHOUT_VOCABULARY)

    @functools.cached_property
    def _texts(self) -> tuple[str, str, str]:
        """Prompt, response and exemplar with placeholders, for people to read."""
        turns = Dialogue('{input}', '{target}', ('{input}', '{target}'))
        first, answer, between, _ = self.segments_of(turns, {'bos_token': '', 'eos_token': '{eos}'})
        return first, answer, first + answer + between.partition('{input}')[0]

    prompt = property(lambda self: self._texts[0])
    response = property(lambda self: self._texts[1])
    exemplar = property(lambda self: self._texts[2])

    def segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        return self.segments_of(dialogue, _WITHOUT_VOCABULARY | vocabulary.special_tokens)

    def asked_segments(self, vocabulary: Vocabulary, dialogue: Dialogue) -> list[str]:
        """As in every format; if a template changes earlier turns, all before the last answer is one segment.

        Templates drop the thoughts of earlier answers, or show the system message only before the last question. Where
        no answer is learned, segments need not be prefixes of each other.
        """
        special_tokens = _WITHOUT_VOCABULARY | vocabulary.special_tokens
        try:
            return self.segments_of(dialogue, special_tokens)
        except ChatTemplateError:
            if dialogue.answer == ANSWER_PLACEHOLDER:
                return [self._render(_messages(dialogue)[:-1], special_tokens, asks=True), ANSWER_PLACEHOLDER]
            return self.segments_of(dialogue, special_tokens, only_last=True)

    def segments_of(self, dialogue: Dialogue, special_tokens: Mapping[str, str], only_last: bool = False) -> list[str]:
        """As `segments`, given the texts of special tokens; with `only_last`, the last answer and all before it.

        Raises:
          ChatTemplateError: if the template refuses the messages, or prefixes do not match.
        """
        messages = _messages(dialogue)
        whole = self._render(messages, special_tokens, asks=False)
        end = self.end_of_turn(special_tokens)
        segments, done = [], 0
        for place, message in enumerate(messages):
            if message['role'] == 'assistant' and not (only_last and place < len(messages) - 1):
                before = self._render(messages[:place], special_tokens, asks=True)
                if not whole.startswith(before) or len(before) < done:
                    raise ChatTemplateError(_not_a_prefix(before, whole))
                stop = _answer_end(whole, len(before), message['content'], end)
                segments += [whole[done : len(before)], whole[len(before) : stop]]
                done = stop
        return segments

    def end_of_turn(self, special_tokens: Mapping[str, str] = _WITHOUT_VOCABULARY) -> str:
        """The text that ends an answer; raises ChatTemplateError if there is none to learn."""
        return _end_of_turn(self, tuple(sorted(special_tokens.items())))

    def bos(self, vocabulary: Vocabulary) -> list[int]:
        """Empty if the template writes BOS itself, as with the special tokens of a tokenizer.json."""
        return [] if vocabulary.special_tokens else super().bos(vocabulary)

    def guarded(self, vocabulary: Vocabulary, dialogue: Dialogue) -> Dialogue:
        """Delimits data that look like special tokens, such as those of the template."""

        def guard(text):
            return guarded_text(vocabulary, text)

        return Dialogue(
            guard(dialogue.question),
            guard(dialogue.answer),
            tuple(map(guard, dialogue.history)),
            guard(dialogue.system),
            guard(dialogue.context),
        )

    def encode_run(self, vocabulary: Vocabulary, text: str, continues: bool) -> list[int]:
        """Special tokens come from the template's text only, never from data."""
        ids: list[int] = []
        for place, part in enumerate(text.split(AS_TEXT)):
            if part and place % 2:
                ids += vocabulary.encode_continuation(part)
            elif part:
                ids += vocabulary.encode_marked(part, continues or bool(place))
        return ids

    def encode_prompt(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        return self.encode_asked(vocabulary, Dialogue(text, ANSWER_PLACEHOLDER), max_length).prompt

    def encode_response(self, vocabulary: Vocabulary, text: str, max_length: int | None = None) -> list[int]:
        return self.encode_asked(vocabulary, Dialogue(_QUESTION, text), None, max_length).response

    def end_id(self, vocabulary: Vocabulary) -> int:
        """The end of turn if it is a single token; otherwise EOS, and `finish` finds the end of turn in the text."""
        end = self.end_of_turn(_WITHOUT_VOCABULARY | vocabulary.special_tokens)
        ids = [] if EOS_MARK in end else vocabulary.encode_marked(end, continues=True)
        return ids[0] if len(ids) == 1 else vocabulary.eos_id

    def stops(self) -> tuple[str, ...]:
        end = self.end_of_turn().replace(EOS_MARK, '').strip()
        return (end,) if end else ()

    def _render(self, messages: Sequence[Message], special_tokens: Mapping[str, str], asks: bool) -> str:
        """The text of messages, with the generation prompt if `asks`."""
        try:
            return _compiled(self.template).render(messages=messages, add_generation_prompt=asks, **special_tokens)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            roles = ', '.join(message['role'] for message in messages)
            raise ChatTemplateError(f'the chat template rejects messages with roles {roles}: {error}') from error


class _Generation(jinja2.ext.Extension):
    """transformers' block `{% generation %}`, which is replaced by its content."""

    tags = {'generation'}  # noqa: RUF012

    def parse(self, parser):
        """The statements within the block."""
        next(parser.stream)
        return parser.parse_statements(['name:endgeneration'], drop_needle=True)


@functools.cache
def _compiled(template: str) -> jinja2.Template:
    """A template compiled in the same environment as in transformers."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters['tojson'] = functools.partial(json.dumps, ensure_ascii=False)
    environment.globals['raise_exception'] = _raise
    try:
        return environment.from_string(template)
    except jinja2.TemplateSyntaxError as error:
        raise ChatTemplateError(
            f'the chat template is not valid Jinja: line {error.lineno}: {error.message}'
        ) from error


@functools.cache
def _end_of_turn(chat_template: ChatTemplate, special_tokens: tuple[tuple[str, str], ...]) -> str:
    messages = _messages(Dialogue(_QUESTION, ANSWER_PLACEHOLDER))
    whole = chat_template._render(messages, dict(special_tokens), asks=False)
    before = chat_template._render(messages[:1], dict(special_tokens), asks=True)
    if not whole.startswith(before):
        raise ChatTemplateError(_not_a_prefix(before, whole))
    _, found, end = whole[len(before) :].partition(ANSWER_PLACEHOLDER)
    if not found:
        raise ChatTemplateError('the chat template does not put the answer after the generation prompt')
    if not end.strip():
        raise ChatTemplateError(
            'the chat template writes nothing after an answer, so the model would not learn to stop; end '
            'assistant turns with eos_token'
        )
    return end.rstrip()


def guarded_text(vocabulary: Vocabulary, text: str) -> str:
    """A text with `AS_TEXT` before and after each span that looks like a special token of the vocabulary."""
    for start, end in reversed(vocabulary.special_spans(text)):
        text = text[:start] + AS_TEXT + text[start:end] + AS_TEXT + text[end:]
    return text


def _messages(dialogue: Dialogue) -> list[Message]:
    roles = ('user', 'assistant')
    turns = [{'role': role, 'content': text} for turn in dialogue.turns for role, text in zip(roles, turn)]
    return [{'role': 'system', 'content': dialogue.system}, *turns] if dialogue.system else turns


def _answer_end(whole: str, start: int, answer: str, end: str) -> int:
    for text in (answer + end, answer.strip() + end):  # many templates strip whitespace
        if (place := whole.find(text, start)) >= 0:
            return place + len(text)
    raise ChatTemplateError(
        f'the chat template changes an answer, or ends it differently from other answers: {(answer + end)[:80]!r} '
        f'does not occur in {whole[start : start + 160]!r}'
    )


def _not_a_prefix(before: str, whole: str) -> str:
    return (
        'the prompt (with generation prompt) is not a prefix of the dialogue with its answer, so the tokens of '
        f'the answer cannot be determined: {before[-80:]!r} against {whole[: len(before)][-80:]!r}'
    )


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _read(template: Any) -> Any:
    """The text of a template, which may be given by a path."""
    if not isinstance(template, str) or '{%' in template or '{{' in template:
        return template
    path = pathlib.Path(template)
    if path.is_dir():
        files = [path / TEMPLATE_FILE, path / CONFIG_FILE]
        path = next((file for file in files if file.exists()), files[-1])
    if not path.is_file():
        raise ChatTemplateError(f'ChatTemplate.template={template!r}: {path} does not exist')
    if path.suffix != '.json':
        return read_utf8(path)
    found = read_json(path, 'use another file').get('chat_template')
    if isinstance(found, list):  # several by name
        found = {each['name']: each['template'] for each in found}.get('default')
    if not isinstance(found, str):
        raise ChatTemplateError(f'ChatTemplate.template={template!r}: {path} has no "chat_template"')
    return found
