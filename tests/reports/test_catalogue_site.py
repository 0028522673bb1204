"""The catalogue as a site: whole without a network, true to what is rendered, and safe whatever stands in rows."""

import dataclasses
import json
import linecache
import pathlib
import re

import pytest

import flan_jax.reports
from flan_jax import catalogue
from flan_jax.data.preview import RenderedExample
from flan_jax.reports.catalogue_site import citations, site
from flan_jax.reports.catalogue_site.dataset_page import dataset_content, pieces
from flan_jax.reports.catalogue_site.declared_at import declared_at
from flan_jax.reports.catalogue_site.rows import Rows, rows_of
from flan_jax.reports.page import PALETTE, page_of
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.reports.pages import Elements, browser_page, contrast, runs_no_code_of_data, themes

MOST_BYTES = 2_000_000

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>"\'{answer}'

DATASETS = [catalogue.dataset(name) for name in ('rte', 'quac', 'wmt16_translate_roen')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    site.write_site(folder, DATASETS, str(folder / 'nothing'), lambda count, name: None)
    return folder


def read(folder, name):
    return (folder / f'{name}.html').read_text()


def data_of(page):
    return json.loads(next(text for attributes, text in Elements(page).scripts if attributes.get('id') == 'data'))


def test_every_link_leads_to_a_file_and_an_element_that_are_there(folder):
    pages = {path.name: Elements(path.read_text()) for path in folder.glob('*.html')}
    assert len(pages) == len(DATASETS) + 1
    for name, elements in pages.items():
        for link in elements.values('href') + elements.values('src'):
            file, _, anchor = link.partition('#')
            assert (folder / (file or name)).exists(), link
            assert not anchor or anchor in pages[file or name].values('id'), link


def test_nothing_is_fetched_from_elsewhere(folder):
    for path in folder.iterdir():
        assert not Elements(path.read_text()).values('srcset')
        assert all('://' not in link for link in Elements(path.read_text()).values('src'))


def test_the_index_shows_every_dataset_in_its_cluster_with_what_filters_need(folder):
    page = Elements(read(folder, 'index'))
    items = [attributes for tag, attributes in page.tags if 'data-name' in attributes]
    assert [item['data-name'] for item in items] == [dataset.name for dataset in DATASETS]
    assert [item['data-kind'] for item in items] == ['options', 'free', 'free']
    kinds = {attributes['id']: attributes['class'] for tag, attributes in page.tags if tag == 'section'}
    assert kinds['translation'] == 'cluster generation'
    assert kinds['natural_language_inference'] == kinds['miscellaneous'] == 'cluster understanding'


def test_templates_filled_as_the_script_does_are_the_prompts_that_training_renders(folder, tmp_path):
    dataset = DATASETS[0]
    shown = data_of(read(folder, dataset.name))['rows']
    site.prepare_samples([dataset], str(tmp_path))
    examples = rows_of(dataset, str(tmp_path)).examples
    assert len(shown) == len(examples) > 1
    for row, example in zip(shown, examples):
        for template, prompt in zip(dataset.templates, example.prompts):
            parts = (pieces(template.inputs, 'instruction'), pieces(template.targets, 'target'))
            filled = [''.join(row['values'].get(name, text) for _, name, text in part).strip() for part in parts]
            assert tuple(filled) == prompt


def test_the_token_view_is_the_sequence_that_training_lays_out(folder):
    found = data_of(read(folder, 'rte'))['packed']
    assert [(piece['example'], piece['response']) for piece in found] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert [piece['places'][1] for piece in found[::2]] == [0, 0]  # positions begin again at a boundary
    assert all(set(piece['learned']) == {str(piece['response'])} for piece in found)
    assert ''.join(found[1]['texts']).strip() == 'yes</s>'


def test_hostile_rows_and_declarations_are_shown_and_never_obeyed():
    declared = catalogue.dataset('rte')
    dataset = dataclasses.replace(declared, name='hostile', note=HOSTILE, licence=HOSTILE, citation=HOSTILE)
    example = RenderedExample(
        tuple((HOSTILE, HOSTILE) for _ in dataset.templates),
        dict.fromkeys(dataset.fields, HOSTILE), HOSTILE, (HOSTILE,), (HOSTILE,), (True,), '', options=HOSTILE,
    )  # fmt: skip
    content = dataset_content(dataset, Rows((example,), 'train'), Vocabulary())
    template = pathlib.Path(site.__file__).parent / 'dataset.html'
    page = page_of(template, content | {'version': HOSTILE, 'clusters': [], 'before': None, 'after': None})
    assert runs_no_code_of_data(page, scripts=1)
    assert data_of(page)['rows'][0]['values']['premise'] == HOSTILE


def test_scripts_build_texts_and_never_markup():
    scripts = sorted(pathlib.Path(flan_jax.reports.__file__).parent.rglob('*.js'))
    assert scripts
    for path in scripts:
        assert not re.search(r'innerHTML|outerHTML|insertAdjacentHTML|\beval\(|document\.write', path.read_text()), path


def test_pages_are_small_enough_for_the_whole_catalogue(folder):
    """The largest dataset among them, many times over."""
    largest = max(path.stat().st_size for path in folder.glob('*.html') if path.name != site.INDEX)
    assert largest * len(catalogue.DATASETS) < MOST_BYTES


def test_texts_have_the_contrast_of_wcag_aa():
    for theme in themes(PALETTE.read_text()):
        pairs = [(theme[name], theme[name.removesuffix('-ink')]) for name in theme if name.endswith('-ink')]
        pairs += [
            (theme[ink], theme[ground])
            for ink in ('ink', 'soft', 'link', 'good', 'bad', 'base', 'tuned')
            for ground in ('paper', 'card')
        ]
        assert len(pairs) > 18
        assert all(contrast(*pair) >= 4.5 for pair in pairs), [pair for pair in pairs if contrast(*pair) < 4.5]
        assert contrast(theme['edge'], theme['paper']) >= 3  # of what borders controls


def test_declarations_are_found_where_they_stand():
    for dataset in catalogue.DATASETS.values():
        where = declared_at(dataset)
        path = pathlib.Path(__file__).parents[2] / where.file
        line = linecache.getline(str(path), where.line)
        assert dataset.name in line or "f'" in line, (dataset.name, line)
        first = dataset.templates[0].inputs.split('{')[0].split('\n')[0].replace("'", '')[:12]
        near = ''.join(linecache.getline(str(path), where.templates[0] + offset) for offset in range(2))
        assert where.templates[0] == where.line or first in near.replace("\\'", ''), (dataset.name, near)


def test_every_citation_becomes_bibtex_with_author_title_and_year():
    for dataset in catalogue.DATASETS.values():
        found = list(citations.entries(dataset.citation))
        assert found, dataset.citation
        assert all(entry.count('{') == entry.count('}') and 'year = {' in entry for entry in found)
    (entry,) = citations.entries('Lin, Wu and Poe 2020: CommonGen: a task.')
    assert entry.startswith('@misc{lin2020commongen,') and 'author = {Lin and Wu and Poe}' in entry


def test_rows_exemplars_and_options_switch_in_a_browser(folder):
    rows = data_of(read(folder, 'rte'))['rows']
    with browser_page(folder / 'rte.html', width=360) as page:
        inputs = page.locator('#template-0 .side .inputs')
        assert rows[0]['values']['premise'] in inputs.inner_text()
        page.keyboard.press('ArrowRight')
        assert rows[1]['values']['premise'] in inputs.inner_text() and 'OPTIONS' in inputs.inner_text()
        page.locator('#options').uncheck()
        assert 'OPTIONS' not in inputs.inner_text()
        page.locator('#shots').select_option('2')
        assert page.locator('#template-0 .shot').count() == 2
        assert page.locator('.token.learned').count() > 2 and page.locator('.boundary').count() == 1
        assert page.evaluate('document.documentElement.scrollWidth') <= 360


def test_a_search_leaves_what_it_finds_in_a_browser(folder):
    with browser_page(folder / 'index.html') as page:
        assert page.locator('#found').inner_text() == '3 datasets'
        page.keyboard.press('/')
        page.keyboard.type('premise')
        assert page.locator('#found').inner_text() == '1 dataset'
        assert page.locator('li:visible').inner_text() == 'rte'
        page.locator('#search').fill('')
        page.locator('#kind').select_option('free')
        assert page.locator('li:visible').count() == 2
