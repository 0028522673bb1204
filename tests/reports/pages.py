"""What tests ask of pages: their elements, the contrast of their colours, and the page in a browser."""

import contextlib
import html.parser
import os
import re
import shutil

import pytest


class Elements(html.parser.HTMLParser):
    """All elements of a page: `tags` of (tag, attributes), and `scripts` of (attributes, text)."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self._inside = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs) if tag == 'script' else None
        if tag == 'script':
            self.scripts.append([dict(attrs), ''])

    def handle_data(self, data):
        if self._inside is not None:
            self.scripts[-1][1] += data

    def handle_endtag(self, tag):
        self._inside = None

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def runs_no_code_of_data(page, scripts):
    """Whether nothing in a page is code but so many scripts: no handlers, no scripts or frames of the data."""
    elements = Elements(page)
    code = [attributes for attributes, _ in elements.scripts if attributes.get('type') != 'application/json']
    handlers = [name for _, attributes in elements.tags for name in attributes if name.startswith('on')]
    targets = [link for link in elements.values('href') if link.startswith('javascript:')]
    return (
        len(code) == scripts and not handlers and not targets and not {'iframe', 'img'} & {t for t, _ in elements.tags}
    )


def themes(css):
    """The variables of a style sheet in light and in dark."""
    light, dark = (
        dict(re.findall(r'--([\w-]+): (#\w{6})', part)) for part in css.split('@media (prefers-color-scheme: dark)')
    )
    return light, light | dark


def contrast(colour, other):
    """The contrast ratio of WCAG 2.1."""
    bright, dim = sorted(map(_luminance, (colour, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour):
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear))


@contextlib.contextmanager
def browser_page(path, width=1100):
    """A page opened by headless Chromium from disk; skips where playwright or a browser is not there.

    On leaving, raises AssertionError for anything that the browser complained of.
    """
    playwright = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    browser = os.environ.get('CHROMIUM') or shutil.which('chromium') or shutil.which('google-chrome')
    if browser is None:
        pytest.skip('no Chromium on PATH or in $CHROMIUM')
    flags = ['--no-sandbox', '--no-zygote', '--disable-gpu', '--disable-dev-shm-usage']
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=flags)
        page = opened.new_page(viewport={'width': width, 'height': 800})
        complaints = []
        page.on('console', lambda message: complaints.append(message.text) if message.type == 'error' else None)
        page.on('pageerror', lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        yield page
        opened.close()
    assert not complaints
