"""BibTeX entries, made from the citations of declarations."""

import re
import unicodedata
from collections.abc import Iterator

_WORK = re.compile(
    r"(?P<authors>[^\W\d][\w'’., -]*?) (?P<year>\d{4}): (?P<title>.+?)[.?!](?= [A-Z][\w'’., -]* \d{4}: |\Z)"
)
"""Pattern of a publication: 'Lin et al. 2020: CommonGen: a constrained text generation challenge.'"""


def entries(citation: str) -> Iterator[str]:
    """A BibTeX entry for each publication in a citation; text in another form is ignored."""
    for work in _WORK.finditer(citation):
        authors = work['authors'].replace(' et al.', ' and others').replace(', ', ' and ')
        authors = re.sub(r'( and)+ and ', ' and ', authors)
        yield '\n'.join([
            f'@misc{{{_key(work["authors"], work["year"], work["title"])},',
            f'  author = {{{authors}}},',
            f'  title = {{{{{work["title"]}}}}},',
            f'  year = {{{work["year"]}}},',
            '}',
        ])  # fmt: skip


def _key(authors: str, year: str, title: str) -> str:
    """The key, such as 'lin2020commongen': the first author, the year, the title's first word."""
    first = re.findall(r'\w+', title)[0]
    return _plain(re.split(r',| and | et ', authors)[0]) + year + _plain(first)


def _plain(text: str) -> str:
    """The text's ASCII letters and digits in lower case."""
    decomposed = unicodedata.normalize('NFKD', text)
    return ''.join(letter for letter in decomposed if letter.isascii() and letter.isalnum()).lower()
