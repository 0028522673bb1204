"""Models are evaluated side by side by their folders alone, and tell lm-evaluation-harness what came of it."""

import json

import pytest
from etils import epath

import flan_jax
from flan_jax.command import main
from flan_jax.convert.base_model import from_hugging_face
from tests.command.converted_base import write_chat_model


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A model as Hugging Face keeps it, `hf`, and the same converted, `converted`."""
    folder = epath.Path(tmp_path_factory.mktemp('models'))
    write_chat_model(folder / 'hf')
    from_hugging_face(folder / 'hf', folder / 'converted')
    return folder


@pytest.fixture(scope='module')
def evaluated(folder, samples_dir):
    arguments = [
        'evaluate', f'{folder}/hf', f'other={folder}/converted', '--tasks=rte,trec', '--shots=0,1', '--templates=0,1',
        '--limit=2', f'--data_dir={samples_dir}', f'--output={folder}/out',
    ]  # fmt: skip
    assert main.main(arguments) == 0
    return arguments


def records(folder, model, dataset, file):
    (path,) = (folder / 'out' / 'evaluation' / model).glob(f'{dataset}-*/{file}')
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_table_and_one_report_name_the_models(folder, evaluated, capsys):
    assert main.main(evaluated) == 0
    said = capsys.readouterr()
    header, *lines = said.out.splitlines()
    assert header.split() == ['dataset', 'shots', 'score', 'examples', 'hf', 'other']
    assert [line.split()[:2] for line in lines] == [['rte', '0'], ['rte', '1'], ['trec', '0'], ['trec', '1']]
    assert 'evaluating' not in said.err  # all of it is on record
    report = json.loads((folder / 'out' / 'report.json').read_text())
    other = report['models']['other']
    assert (other['path'], other['prompt_format']) == (f'{folder}/converted', 'chattemplate')
    assert all(set(line['models']) == {'hf', 'other'} for line in report['results'])
    assert 'made from bundled samples' in (folder / 'out' / 'report.html').read_text().lower()


def test_the_same_weights_answer_the_same_and_as_they_do_from_python(folder, evaluated):
    of_folder, of_conversion = (records(folder, name, 'rte', 'test_template_0.jsonl') for name in ('hf', 'other'))
    assert of_folder == of_conversion
    record = of_folder[0]
    model = flan_jax.load(f'{folder}/hf')
    question = record['prompt'].partition('<|im_start|>user\n')[2].partition('<|im_end|>')[0]
    scores = model.score(question, [option['text'] for option in record['options']])
    assert scores == pytest.approx([option['sum'] for option in record['options']], abs=1e-3)


def test_lm_evaluation_harness_reads_the_results(folder, evaluated):
    utils = pytest.importorskip('lm_eval.utils')
    report = json.loads((folder / 'out' / 'report.json').read_text())
    for shots in (0, 1):
        content = json.loads((folder / 'out' / 'lm_eval' / 'hf' / f'results_{shots}_shot.json').read_text())
        (line,) = (line for line in report['results'] if (line['name'], line['shots']) == ('rte', shots))
        assert content['results']['rte']['acc,none'] == pytest.approx(line['models']['hf']['mean'] / 100)
        assert content['n-shot']['rte_template_1'] == shots
        rows = utils.make_table(content).splitlines()
        assert any(row.replace(' ', '').startswith(f'|rte|{flan_jax.__version__}|none|{shots}|acc|') for row in rows)


def test_records_of_two_models_are_compared(folder, evaluated, samples_dir, capsys):
    two = [f'{folder}/out/evaluation/{name}' for name in ('hf', 'other')]
    assert main.main(['compare', *two, f'--data_dir={samples_dir}']) == 0
    assert '+0.0' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        (['hf', 'a/hf', '--tasks=rte'], "two models are called 'hf'"),
        (['nowhere', '--tasks=rte'], 'nowhere: no such folder'),
        (['hf', '--tasks=rta'], 'did you mean rte'),
        (['hf', '--tasks=rte', '--shots=few'], '--shots=few: expected numbers'),
        (['hf', '--tasks=rte', '--shots=99'], 'Evaluation.shots=(99,)'),
    ],
)
def test_what_cannot_be_evaluated_is_refused(folder, samples_dir, monkeypatch, capsys, more, message):
    monkeypatch.chdir(folder)
    assert main.main(['evaluate', *more, f'--data_dir={samples_dir}', '--output=refused']) == 2
    assert message in capsys.readouterr().err


def test_missing_datasets_are_named_with_what_this_command_can_do(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main.main(['evaluate', 'hf', '--tasks=rte', f'--data_dir={tmp_path}', '--output=refused']) == 2
    said = capsys.readouterr().err
    assert 'data prepare --samples' in said and 'allow_missing' not in said
