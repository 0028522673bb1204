"""Report files: a page made from a template, and its content as JSON."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2
from etils import epath

from flan_jax.files import write_whole

HTML_FILE, JSON_FILE = 'report.html', 'report.json'

PALETTE = pathlib.Path(__file__).parent / 'palette.css'
"""The colours of all pages, for light and dark."""


def write_files(folder: epath.PathLike, content: Mapping[str, Any], page: str) -> epath.Path:
    """Writes a report's content as JSON and its page as HTML; returns the path of the page."""
    folder = epath.Path(folder)
    write_whole(folder / JSON_FILE, json.dumps(content, indent=2, ensure_ascii=False))
    write_whole(folder / HTML_FILE, page)
    return folder / HTML_FILE


def page_of(template: pathlib.Path, content: Mapping[str, Any], **more: Any) -> str:
    """A template filled in; it may include the style sheet and the tables of this folder.

    The filter `score` is for figures that may be None.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, pathlib.Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['score'] = lambda value: '–' if value is None else f'{value:.1f}'
    return environment.get_template(template.name).render(content, **more)
