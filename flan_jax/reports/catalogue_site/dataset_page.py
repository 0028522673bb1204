"""The content of a dataset's page."""

import string
from collections.abc import Iterator
from typing import Any

import numpy as np

from flan_jax.catalogue.declaration import ANSWER, OPTIONS, Dataset, Template
from flan_jax.data.formats.flan import Flan
from flan_jax.data.status import how_to_get
from flan_jax.packing.example import Example
from flan_jax.reports.catalogue_site import citations
from flan_jax.reports.catalogue_site.declared_at import declared_at
from flan_jax.reports.catalogue_site.rows import Rows, shown_turns, shown_values
from flan_jax.reports.packed.view import SequenceView, sequence_view
from flan_jax.tokenizers.vocabulary import Vocabulary

PACKED = 2
"""Number of examples in the sequence of the token view."""

SEQUENCE_LENGTH, INPUT_LENGTH, TARGET_LENGTH = 2048, 768, 256
"""Sizes of the token view in tokens: of the sequence, the longest input and the longest target."""

HEAD, TAIL = 90, 30
"""Number of tokens that the token view shows at either end of a long prompt."""


def dataset_content(dataset: Dataset, rows: Rows, vocabulary: Vocabulary) -> dict[str, Any]:
    """The content of a dataset's page with example rows."""
    where = declared_at(dataset)
    return {
        'dataset': dataset,
        'where': where,
        'templates': [
            _template(template, index, where.templates[index] if where else None)
            for index, template in enumerate(dataset.templates)
        ],
        'rows': rows,
        'data': {
            'rows': [{'values': shown_values(ex), 'turns': shown_turns(ex.before)} for ex in rows.examples],
            'packed': _packed(dataset, rows, vocabulary),
        },
        'bibtex': list(citations.entries(dataset.citation)),
        'how_to_get': how_to_get(dataset),
    }


def pieces(text: str, literal: str) -> Iterator[tuple[str, str, str]]:
    """The parts of a template's text: kind, the placeholder's name (empty for literal text), and the text to show.

    Args:
      text: the text of a template.
      literal: the kind of its literal text, 'instruction' or 'target'.
    """
    kinds = {OPTIONS: 'options', ANSWER: 'target'}
    for words, name, _, _ in string.Formatter().parse(text):
        if words:
            yield literal, '', words
        if name is not None:
            yield kinds.get(name, 'field'), name, f'{{{name}}}'


def _template(template: Template, index: int, line: int | None) -> dict[str, Any]:
    return {
        'index': index,
        'variant': template.variant,
        'inverted': template.inverted,
        'line': line,
        'inputs': list(pieces(template.inputs, 'instruction')),
        'targets': list(pieces(template.targets, 'target')),
    }


def _packed(dataset: Dataset, rows: Rows, vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """The pieces of a packed sequence of the first rows with the first template, for the page's script."""
    prompt_format = Flan()
    encoded = [
        prompt_format.encode_learned(vocabulary, example.dialogue(0), INPUT_LENGTH, TARGET_LENGTH)
        for example in rows.examples[:PACKED]
    ]
    if not encoded:
        return []
    examples = [
        Example(np.array(e.prompt), (np.array(e.response),), weights=(np.array(e.weights, np.float32),))
        for e in encoded
    ]
    view = sequence_view(examples, vocabulary, [dataset.name], SEQUENCE_LENGTH)
    return list(_piece_lines(view))


def _piece_lines(view: SequenceView) -> Iterator[dict[str, Any]]:
    for number, tree in enumerate(view.trees, start=1):
        for piece in tree.pieces:
            tokens = piece.tokens
            hidden = max(0, len(tokens) - HEAD - TAIL)
            shown = tokens if not hidden else (*tokens[:HEAD], *tokens[-TAIL:])
            yield {
                'example': number,
                'response': piece.response,
                'range': piece.range,
                'hidden': hidden,
                'head': HEAD,
                'texts': [token.text for token in shown],
                'places': [tokens[0].place, tokens[0].position],
                'learned': ''.join(str(int(token.weight != 0)) for token in shown),
            }
