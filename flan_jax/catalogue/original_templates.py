"""Uses the original project's templates in place of ours, for comparison (google-research/FLAN, flan/templates.py).

The file assigns a dictionary to PATTERNS, from names of datasets or groups of datasets to pairs of input and target
patterns with {fields}. The file is not part of this project; users give its path. Fields are filled from our
declarations, whose texts are cleaned where the original's are damaged.
"""

import ast
import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Constant, Dataset, DeclarationError, Template, placeholders
from flan_jax.errors import UserError

Pattern = tuple[str, str]

_TRANSLATIONS = tuple(f'wmt16_translate_{code}en' for code in ('de', 'tr', 'cs', 'fi', 'ro', 'ru'))

GROUPS = {
    'anli': ('anli_r1', 'anli_r2', 'anli_r3'),
    'arc': ('arc_easy', 'arc_challenge'),
    'mnli': ('mnli_matched', 'mnli_mismatched'),
    'para_crawl': ('para_crawl_enes',),
    'trivia_qa': ('trivia_qa', 'trivia_qa_wiki'),
    'wmt16_translate': _TRANSLATIONS,
}
"""Names in the file that stand for several of our datasets, or for one with another name."""

NOT_COMPARABLE = {
    'coqa': ('the original puts all questions of a story into one prompt, we use one prompt per question')
}
"""Datasets that keep our templates, with reasons."""

_ANYWHERE = {
    'options_': '{options}',
    'options_str': '{options}',
    'target': '{answer}',
    'summary': '{answer}',
    'answer_str': '{answer}',
}

_TRANSLATION = {'sent1': '{english}', 'sent2': '{foreign}', 'lang1': 'English', 'lang2': '{language}'}

FIELDS = {
    'aeslc': {'body': '{email}', 'subject': '{answer}'},
    'bool_q': {'text': '{passage}', 'question': '{query}'},
    'cnn_dailymail': {'text': '{article}', 'highlights': '{answer}'},
    'common_gen': {'concepts_newline': '{concepts}'},
    'copa': {'question': '{relation}'},
    'dart': {'tripleset': '{facts}', 'tripleset_newline': '{facts}'},
    'drop': {'context': '{passage}'},
    'e2e_nlg': {'meaning_representation': '{attributes}'},
    'fix_punct': {'no_punct': '{bare}'},
    'gigaword': {'text': '{sentence}'},
    'multi_news': {'text': '{articles}'},
    'multirc': {'response': '{candidate}'},
    'openbookqa': {'question': '{stem}'},
    'opinion_abstracts_idebate': {
        'argument_sentences': '{arguments}',
        'claim': '{answer}',
        'debate_name': '{debate}',
    },
    'opinion_abstracts_rotten_tomatoes': {'numbered_reviews': '{reviews}', 'critic_consensus': '{answer}'},
    'quac': {'context': '{text}'},
    'sst2': {'sentence': '{text}'},
    'story_cloze': {'context': '{story}'},
    'trec': {'text': '{question}'},
    'web_nlg_en': {'input_string': '{facts}'},
    'wiki_lingua_english_en': {'source': '{text}'},
    'winogrande': {'context': '{start}'},
    'wnli': {'sentence1': '{text}', 'sentence2': '{statement}'},
    'word_segment': {'no_space': '{joined}'},
    'wsc': {'context': '{marked}', 'text1': '{noun}', 'text2': '{pronoun}'},
    'wsc273': {'context': '{start}'},
    'xsum': {'text': '{document}'},
    **dict.fromkeys(('para_crawl_enes', 'wmt14_enfr', *_TRANSLATIONS), _TRANSLATION),
}
"""For each dataset, names of our fields by names of the original's, where they differ."""


def replace_templates(path: str) -> None:
    """Replaces the catalogue's templates by those of a file, all or none.

    Datasets that the file does not name, and those of `NOT_COMPARABLE`, keep their templates.

    Raises:
      UserError: if the file cannot be read, or parts of it do not fit the catalogue; lists all of these.
    """
    patterns = read_patterns(path)
    replaced, misfits = {}, []
    for key, name in _targets(patterns):
        try:
            replaced[name] = with_templates(catalogue.dataset(name), patterns[key])
        except UserError as error:
            misfits.append(f'  {key}: {error}')
    if misfits:
        raise UserError(f'Data.original_templates={path!r} does not match the catalogue:\n' + '\n'.join(misfits))
    catalogue.DATASETS.update(replaced)


def read_patterns(path: str) -> Mapping[str, Sequence[Pattern]]:
    """The file's PATTERNS, read without running the file.

    Raises:
      UserError: if there is no such file, or it does not assign a plain dictionary of pairs to PATTERNS.
    """
    try:
        tree = ast.parse(pathlib.Path(path).read_text(encoding='utf-8'))
        (found,) = (node.value for node in tree.body if isinstance(node, ast.Assign) and _assigns_patterns(node))
        patterns = ast.literal_eval(found)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f'Data.original_templates={path!r}: has no readable dictionary PATTERNS: {error}') from error
    wrong = [key for key, pairs in patterns.items() if not pairs or any(len(pair) != 2 for pair in pairs)]
    if wrong:
        raise UserError(f'Data.original_templates={path!r}: not pairs of input and target: {", ".join(wrong)}')
    return patterns


def with_templates(dataset: Dataset, patterns: Sequence[Pattern]) -> Dataset:
    """The dataset with the original's templates; templates whose target is not the answer are inverted.

    Raises:
      DeclarationError: for a field that the dataset does not have.
    """
    variants = {template.targets: template.variant for template in dataset.forward_templates.values()}
    templates = []
    for inputs, targets in patterns:
        inputs, targets = _translated(dataset, inputs), _translated(dataset, targets)
        if targets == '{foreign}' and '{answer}' in variants:
            targets = '{answer}'
        forward = targets in variants and _shows_the_example(dataset, inputs)
        templates.append(Template(inputs, targets, not forward, variants[targets] if forward else ''))
    return dataclasses.replace(dataset, templates=tuple(templates))


def _assigns_patterns(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == 'PATTERNS' for target in node.targets)


def _targets(patterns: Mapping[str, Sequence[Pattern]]) -> Iterator[tuple[str, str]]:
    """Every key of the file with each of our datasets that it stands for."""
    for key in patterns:
        if key not in NOT_COMPARABLE:
            for name in GROUPS.get(key, (key,)):
                yield key, name


def _translated(dataset: Dataset, text: str) -> str:
    """A pattern with the field names of our declaration."""
    ours = collections.ChainMap(FIELDS.get(dataset.name, {}), _ANYWHERE)
    try:
        names = placeholders(text)
    except ValueError as error:
        raise DeclarationError(f'{dataset.name}: stray brace in {text!r} ({error})') from error
    for name in dict.fromkeys(names):
        text = text.replace(f'{{{name}}}', ours.get(name, f'{{{name}}}'))
    return text


def _shows_the_example(dataset: Dataset, inputs: str) -> bool:
    names = set(placeholders(inputs)) & set(dataset.fields)
    return any(not isinstance(dataset.fields[name], Constant) for name in names)
