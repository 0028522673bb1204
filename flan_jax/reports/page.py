"""Report files: a page made from a template, and its content as JSON."""

import base64
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe
from etils import epath

from flan_jax.files import write_whole

HTML_FILE, JSON_FILE = 'report.html', 'report.json'

PALETTE = pathlib.Path(__file__).parent / 'palette.css'
"""The colours of all pages, for light and dark."""

_SCRIPT = (pathlib.Path(__file__).parent / 'report.js').read_text('utf-8')

_SCRIPT_HASH = markupsafe.Markup(f"'sha256-{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'")
"""What the content security policy of a report lets run, and nothing else."""


def page_folder(root: epath.PathLike, study: str) -> epath.Path:
    """Where the page of a study goes: `root`, or `root`/study where that has the page of another."""
    root = epath.Path(root)
    try:
        found = json.loads((root / JSON_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return root
    return root if found.get('id') == study else root / study


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
    environment.globals |= {'report_js': markupsafe.Markup(_SCRIPT), 'report_js_hash': _SCRIPT_HASH}
    environment.filters['score'] = lambda value: '–' if value is None else f'{value:z.1f}'
    return environment.get_template(template.name).render(content, **more)
