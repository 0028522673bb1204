"""Translation between English and eight other languages."""

from __future__ import annotations

import functools

from etils import epy

from flan_jax.catalogue.declaration import (
    Cluster,
    Constant,
    Dataset,
    Field,
    FreeText,
    Splits,
    Tail,
    Template,
    TfdsExample,
    inverted,
)

with epy.lazy_imports():
    import tensorflow as tf

CLUSTER = Cluster(
    name='translation',
    title='Translation',
)

_WMT_LICENCE = 'not stated for the whole; each corpus in it (Europarl, News Commentary, ...) has terms of its own'

_WORD = r"[\pL\pM\pN]+(?:['’.,-][\pL\pM\pN]+)*"
_AFTER_WORD = r'[^\pL\pM\pN]*$'


def _last_word(feature: str, ex: TfdsExample) -> tf.Tensor:
    """The last word of a text, without the punctuation around it."""
    return tf.strings.regex_replace(ex[feature], f'(?s)^.*?({_WORD}){_AFTER_WORD}', r'\1')


def _with_gap(feature: str, ex: TfdsExample) -> tf.Tensor:
    """A text with a gap where its last word stood."""
    return tf.strings.regex_replace(ex[feature], f'{_WORD}({_AFTER_WORD})', r'____\1')


def _fields(language: str, code: str) -> dict[str, Field]:
    """The fields for one pair; the gap exercise needs the last word apart from the rest."""
    return {
        'english': 'en',
        'foreign': code,
        'language': Constant(language),
        'last_word': functools.partial(_last_word, code),
        'with_gap': functools.partial(_with_gap, code),
    }


def _templates(code: str) -> tuple[Template, ...]:
    """The phrasings for one pair: five from English, three into English, two inverted."""
    from_english, into_english = f'en-{code}', f'{code}-en'
    return (
        Template('Translate this text from English to {language}.\n\n{english}', variant=from_english),
        Template('Translate this {language} text to English.\n\n{foreign}', '{english}', variant=into_english),
        inverted('{foreign}\n\nWhich language is this text in?', '{language}'),
        Template('English: {english}\n{language}:', variant=from_english),
        Template('{english}\n\nHow do you say this in {language}?', variant=from_english),
        Template('{language}: {foreign}\nEnglish:', '{english}', variant=into_english),
        Template('Write the {language} translation of the following English text: {english}', variant=from_english),
        inverted(
            'Fill in the missing word of the {language} translation.\n\nEnglish: {english}\n{language}: {with_gap}\n\nMissing word:',
            '{last_word}',
        ),
        Template('{foreign}\n\nWhat does this {language} text say in English?', '{english}', variant=into_english),
        Template(
            'You are translating a document from English into {language}. How do you translate this passage?\n\n{english}',
            variant=from_english,
        ),
    )


def _translation(*, language: str, code: str, **declaration) -> Dataset:
    """A dataset of sentence pairs in English and one other language."""
    return Dataset(
        cluster=CLUSTER,
        fields=_fields(language, code),
        answer=FreeText(answer=code),
        templates=_templates(code),
        metrics=('bleu',),
        languages=('en', code),
        **declaration,
    )


def _wmt16(*, language: str, code: str, manual_step: str = '') -> Dataset:
    """A pair of WMT'16."""
    return _translation(
        language=language,
        code=code,
        name=f'wmt16_translate_{code}en',
        paper_name=f'WMT-16 EN/{code.upper()}',
        source=f'wmt16_translate/{code}-en:1.0.0',
        splits=Splits(validation='validation'),
        licence=_WMT_LICENCE,
        citation='Bojar et al. 2016: Findings of the 2016 conference on machine translation.',
        manual_step=manual_step,
    )


PARA_CRAWL_ENES = _translation(
    language='Spanish',
    code='es',
    name='para_crawl_enes',
    paper_name='ParaCrawl EN/ES',
    source='para_crawl/enes:1.2.0',
    splits=Splits(validation=Tail(200), test=Tail(1000)),
    licence='CC0 1.0 for the packaging; the texts belong to the owners of the websites they were taken from',
    citation='Bañón et al. 2020: ParaCrawl: web-scale acquisition of parallel corpora.',
)

WMT14_ENFR = _translation(
    language='French',
    code='fr',
    name='wmt14_enfr',
    paper_name='WMT-14 EN/FR',
    source='wmt14_translate/fr-en:1.0.0',
    splits=Splits(validation='validation'),
    licence=_WMT_LICENCE,
    citation='Bojar et al. 2014: Findings of the 2014 workshop on statistical machine translation.',
    note='Figure 3 prints ParaCrawl EN/FR (and a ninth name, ParaCrawl EN/DE) for this cluster of eight; Appendix G, '
    'Table 1 and the original code have WMT’14 English-French, as here.',
)

WMT16_DE = _wmt16(language='German', code='de')
WMT16_TR = _wmt16(language='Turkish', code='tr')
WMT16_CS = _wmt16(
    language='Czech',
    code='cs',
    manual_step='Download czeng16pre.deduped-ignoring-sections.txt.gz from http://ufal.mff.cuni.cz/czeng/czeng16pre '
    '(free registration) and put it, still packed, into downloads/manual under the data directory.',
)
WMT16_FI = _wmt16(language='Finnish', code='fi')
WMT16_RO = _wmt16(language='Romanian', code='ro')
WMT16_RU = _wmt16(
    language='Russian',
    code='ru',
    manual_step='Download 1mcorpus.zip, the Yandex corpus, from https://translate.yandex.ru/corpus?lang=en and put it, '
    'still packed, into downloads/manual under the data directory.',
)

DATASETS = (PARA_CRAWL_ENES, WMT14_ENFR, WMT16_DE, WMT16_TR, WMT16_CS, WMT16_FI, WMT16_RO, WMT16_RU)
