"""The answers behind a report: counted as the metrics count them, and shown so that each can be found."""

import csv
import json

import pytest
from etils import epath

from flan_jax.evaluation import records
from flan_jax.evaluation.judges.exact import Exact
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.evaluation.records import RecordKey
from flan_jax.evaluation.results import results
from flan_jax.reports import answers, charts
from flan_jax.reports.beside import latex_table, write_beside
from flan_jax.reports.models import write_side_by_side
from tests.reports.pages import Elements, browser_page, runs_no_code_of_data

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>'

OPTIONS = ('yes', 'no')


def ranked(example, expected, answer):
    options = [{'text': text} | dict.fromkeys(SCORES, -1.0 if text == answer else -2.0) for text in OPTIONS]
    return {'prompt': f'{HOSTILE} {example}?', 'references': [expected], 'options': options}


def written(example, expected, answer):
    return {'prompt': f'Summarize {example}.', 'references': [expected], 'prediction': answer}


def write(root, model, dataset, template, rows):
    """The folder of rows as records."""
    key = RecordKey(dataset, '', template, 'test')
    folder = epath.Path(root / model / dataset)
    more = {'dataset': dataset, 'variant': '', 'template': template, 'split': 'test', 'shots': 0, 'group': ''}
    records.write(folder, key, [more | row | {'example': place, 'exemplars': 0} for place, row in enumerate(rows)])
    return key, folder


RTE = {  # expected, then what the base and the tuned model answer
    0: [('yes', 'yes', 'no'), ('yes', 'no', 'yes'), ('no', 'no', 'no'), ('no', 'yes', 'yes')],
    1: [('yes', 'no', 'yes'), ('yes', 'yes', 'yes'), ('no', 'yes', 'no'), ('no', 'no', 'no')],
}
SAMSUM = [('Amy is late.', 'Amy is late.', 'She eats.'), ('Bo left.', 'no idea', 'Bo left early.')]


@pytest.fixture
def lines(tmp_path):
    folders = {'base': {}, 'tuned': {}}
    for place, model in enumerate(folders, start=1):
        for template, rows in RTE.items():
            made = [ranked(number, row[0], row[place]) for number, row in enumerate(rows)]
            key, folder = write(tmp_path, model, 'rte', template, made)
            folders[model][key] = folder
        made = [written(number, row[0], row[place]) for number, row in enumerate(SAMSUM)]
        key, folder = write(tmp_path, model, 'samsum', 0, made)
        folders[model][key] = folder
    return answers.answered(folders, 'sum')


def test_right_wrong_wins_and_losses_are_counted_over_all_templates(lines):
    found = answers.summary(lines[0])
    pairs = [(row[1] == row[0], row[2] == row[0]) for rows in RTE.values() for row in rows]
    assert found['answers'] == len(pairs)
    assert found['right'] == {'base': sum(a for a, _ in pairs), 'tuned': sum(b for _, b in pairs)}
    against = found['against']['tuned']
    expected = {(True, True): 'both', (False, True): 'won', (True, False): 'lost', (False, False): 'neither'}
    assert all(against[name] == pairs.count(pair) for pair, name in expected.items())
    judge = Exact(lines[0].dataset, 'sum')
    accuracy = sum(judge.scores(tuned)['accuracy'] for _, tuned in lines[0].pairs.values()) / len(RTE)
    assert found['right']['tuned'] == accuracy * len(pairs) / 100


def test_a_confusion_matrix_has_what_was_expected_in_its_rows(lines):
    labels = answers.summary(lines[0])['labels']
    assert labels['names'] == list(OPTIONS)
    rows = [row for of_template in RTE.values() for row in of_template]
    for place, model in enumerate(('base', 'tuned'), start=1):
        expected = [[sum(r[0] == e and r[place] == a for r in rows) for a in OPTIONS] for e in OPTIONS]
        assert labels['matrices'][model] == expected


def test_a_cell_of_a_confusion_matrix_opens_as_many_answers_as_it_counts(lines):
    found, (shown,) = answers.summary(lines[0]), answers.shown_records([lines[0]])
    for model, rows in found['labels']['matrices'].items():
        place = shown['models'].index(model)
        labels = [tuple(record['answers'][place]['labels']) for record in shown['records']]
        assert rows == [[labels.count((row, column)) for column in range(2)] for row in range(2)]


def test_answers_scored_by_degrees_are_never_right_or_wrong(lines):
    assert lines[1].by_degrees and answers.summary(lines[1])['right'] == {}
    (shown,) = answers.shown_records([lines[1]])
    each = [answer for record in shown['records'] for answer in record['answers']]
    assert all('right' not in answer for answer in each)
    assert [answer['degree'] for answer in each[:2]] == [100.0, 0.0]


def test_short_answers_are_right_as_their_metric_counts_them(tmp_path):
    rows = [written(0, 'The Nile', 'nile'), written(1, 'Oslo', 'in Oslo')]
    key, folder = write(tmp_path, 'm', 'squad_v1', 0, rows)
    (line,) = answers.answered({'m': {key: folder}}, 'sum')
    found = Exact(line.dataset, 'sum').scores(records.read(folder, key))
    assert answers.summary(line)['right']['m'] == 1 == found['em'] * len(rows) / 100


def test_what_is_shown_is_capped_half_of_it_where_models_differ(lines, monkeypatch):
    monkeypatch.setattr(answers, 'MOST_SHOWN', 4)
    (shown,) = answers.shown_records([lines[0]])
    differs = [len({answer['text'] for answer in record['answers']}) > 1 for record in shown['records']]
    assert len(differs) == 4 and sum(differs) >= 2
    places = [(record['template'], record['example']) for record in shown['records']]
    assert len(set(places)) == 4


def test_only_templates_that_all_models_answered_are_compared(tmp_path):
    row = [ranked(0, 'yes', 'no')]
    a, folder_a = write(tmp_path, 'a', 'rte', 0, row)
    b, _ = write(tmp_path, 'a', 'rte', 1, row)
    _, folder_b = write(tmp_path, 'b', 'rte', 0, row)
    (line,) = answers.answered({'a': {a: folder_a, b: folder_a}, 'b': {a: folder_b}}, 'sum')
    assert list(line.pairs) == [0] and answers.summary(line)['answers'] == 1


@pytest.fixture
def page(lines, tmp_path):
    described = {name: {'path': name, 'prompt_format': 'flan', 'notes': HOSTILE} for name in ('base', 'tuned')}
    more = {'not_evaluated': {}, 'score': 'sum', 'limit': None, 'from_samples': False}
    keys = [RecordKey(line.name, '', template, 'test') for line in lines for template in line.pairs]
    found = {
        model: results(keys, lambda key, model=model: epath.Path(tmp_path / model / key.dataset), 'sum')
        for model in described
    }
    return write_side_by_side(tmp_path / 'report', described, found, lines, more)


def test_a_page_holds_the_answers_and_obeys_none_of_them(page):
    text = page.read_text()
    assert runs_no_code_of_data(text, scripts=1)
    shown = json.loads(next(t for attributes, t in Elements(text).scripts if attributes.get('id') == 'answers-data'))
    assert [len(line['records']) for line in shown] == [8, 2]
    assert HOSTILE in shown[0]['records'][0]['prompt']


def test_every_number_opens_its_answers_in_a_browser(page):
    with browser_page(page) as opened:
        opened.locator('button[data-line=rte][data-kind=won]').click()
        assert opened.locator('.record').count() == 3
        assert opened.locator('#answers output').inner_text() == '3 of the 8 answers on this page'
        opened.locator('summary', has_text='rte').first.click()
        opened.locator('button[data-kind=cell][data-model=tuned][data-cell="0 1"]').click()
        expected = sum(row[0] == 'yes' and row[2] == 'no' for rows in RTE.values() for row in rows)
        assert opened.locator('.record').count() == expected > 0
        opened.locator('button[data-line=samsum][data-model=tuned]').click()
        assert opened.locator('.record').count() == 2 and opened.locator('.record .bad').count() == 0
        assert 'rouge1' in opened.locator('.record').first.inner_text()
        names = opened.locator('table.sortable tbody').first.locator('td:first-child')
        opened.locator('table.sortable .sort').first.click()
        first = names.first.inner_text()
        opened.locator('table.sortable .sort').first.click()
        assert names.first.inner_text() != first


def test_the_files_beside_a_report_hold_its_table(page):
    found = list(csv.DictReader((page.parent / 'results.csv').open()))
    report = json.loads((page.parent / 'report.json').read_text())
    means = {(r['dataset'], r['model']): float(r['mean']) for r in found}
    assert means == {
        (line['name'], model): of_model['mean']
        for line in report['results']
        for model, of_model in line['models'].items()
    }
    templates = list(csv.DictReader((page.parent / 'templates.csv').open()))
    assert {(r['dataset'], r['template']) for r in templates} == {('rte', '0'), ('rte', '1'), ('samsum', '0')}


def test_a_latex_table_escapes_names_and_has_a_cell_for_each_model():
    found = {'mean': 50.0, 'std': 1.25}
    line = {'name': 'a_b & c', 'shots': 0, 'metric': 'f1', 'models': {'x_1': found}}
    table = latex_table([line, line | {'models': {'y': found}}])
    assert r'a\_b \& c & 0 & f1 & 50.0 $\pm$ 1.2 & -- \\' in table and r'x\_1 & y \\' in table


def test_a_report_without_results_leaves_no_tables_of_an_earlier_one(tmp_path):
    found = {'mean': 1.0, 'std': 0.0, 'interval': (0.0, 2.0), 'best_dev': None, 'templates': []}
    line = {'name': 'rte', 'shots': 0, 'metric': 'accuracy', 'num_examples': 2, 'models': {'base': found}}
    write_beside(tmp_path, [line], {})
    assert {path.name for path in tmp_path.iterdir()} == {'results.csv', 'templates.csv', 'results.tex'}
    write_beside(tmp_path, [], {})
    assert not list(tmp_path.iterdir())


def test_dots_and_curves_say_what_they_are(tmp_path):
    name = 'rte <b>"&'
    row = {'name': name, 'shots': 0, 'base': {3: 50.0}, 'tuned': {}, 'chance': None, 'paper': None}
    curves = charts.loss_curve([{'step': step, 'loss': 1.0, 'loss/struct_to_text': 2.0} for step in (1, 2)])
    pictures = write_beside(tmp_path, [], {'scores': charts.template_scores([row]), 'loss': curves})
    dots = [attributes for tag, attributes in Elements(pictures['scores']).tags if 'data-line' in attributes]
    assert [(dot['data-line'], dot['data-template'], dot['data-model']) for dot in dots] == [(name, '3', 'base')]
    assert '<b>' not in pictures['scores'] and pictures['loss'].count('struct to text') == 2  # its legend and its title
    assert (tmp_path / 'scores.png').read_bytes().startswith(b'\x89PNG')
