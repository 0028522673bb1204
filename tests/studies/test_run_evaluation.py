"""What a report shows of a run are the answers of that run's weights to that run's data, and nothing older."""

import json

import pytest

from flan_jax.command import configuration, main
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.train import prepare_tuning
from flan_jax.studies import run_evaluation

TINY = 'gin/runs/tiny.gin'

SMALL = {
    'MIXTURE_OR_TASK_NAME': 'sentiment+paraphrase',
    'HELD_OUT': 'paraphrase',
    'EVAL_TASKS': ('stsb', 'glue_mrpc'),
    'Evaluation.templates': (0, 1),
    'EVAL_LIMIT': 3,
    'TRAIN_STEPS': 4,
    'BATCH_SIZE': 2,
    'SEQUENCE_LENGTH': 320,
    'Stream.input_length': 256,
    'Stream.target_length': 16,
    'Stream.targets_per_sequence': 40,
    'Training.checkpoint_every': 1,
    'lamda.d_model': 32,
    'lamda.head_dim': 16,
}


def bindings(where, **changes):
    return {name: str(value) for name, value in (SMALL | where | changes).items()}


def command(name, where, **changes):
    return main.main([name, f'--gin_file={TINY}', *(f'--gin.{k}={v}' for k, v in bindings(where, **changes).items())])


def report_of(where):
    return json.loads((where['MODEL_DIR'] / 'report.json').read_text())


def tuned_means(report):
    return {line['name']: line['models']['tuned']['mean'] for line in report['results'] if 'tuned' in line['models']}


@pytest.fixture(scope='module')
def stopped(samples_dir, tmp_path_factory):
    """A run that was stopped after step 1 of 4 and evaluated there; the report of then."""
    folder = tmp_path_factory.mktemp('stopped')
    where = {'MODEL_DIR': folder / 'run', 'Stream.directory': folder / 'streams', 'TFDS_DATA_DIR': samples_dir}
    run = configuration.load([TINY], bindings(where))
    prepare_libraries(run.data)
    _, tune_until = prepare_tuning(run, 'flan-jax train')
    tune_until(1)
    assert command('evaluate', where) == command('report', where) == 0
    return where, report_of(where)


@pytest.fixture(scope='module')
def went_on(stopped):
    """The same after `train` to the end: its report before it is evaluated again, and after `run`."""
    where, _ = stopped
    assert command('train', where) == command('report', where) == 0
    before = report_of(where)
    assert command('run', where) == 0
    return where, before, report_of(where)


def test_a_report_says_which_step_it_is_of(stopped):
    _, report = stopped
    assert report['steps'] == 1 and set(tuned_means(report)) == {'stsb', 'glue_mrpc'}
    assert report['title'] == 'Paraphrase, never seen in tuning'
    assert report['formats'] == {'base': 'plain', 'tuned': 'flan'}


def test_answers_of_an_earlier_step_are_never_those_of_the_tuned_model(went_on):
    where, before, after = went_on
    assert before['steps'] == 4 and tuned_means(before) == {}
    assert before['not_evaluated'] == {'tuned': ['glue_mrpc', 'stsb']}
    assert after['not_evaluated'] == {} and after['steps'] == 4
    last = where['MODEL_DIR'] / 'evaluation/step_4'
    files = sorted(path.relative_to(last) for path in last.glob('*/*.jsonl'))
    assert len(files) == 2 * 2 * 2
    first = where['MODEL_DIR'] / 'evaluation/step_1'
    for path in files:
        (earlier,) = first.glob(f'{path.parent.name.rpartition("-")[0]}-*/{path.name}')
        assert earlier.read_text() != (last / path).read_text()


def test_scores_by_step_are_of_one_run(went_on):
    _, _, after = went_on
    assert {line['step'] for line in after['while_tuning']} == {0, 1, 4}


def test_another_held_out_cluster_is_refused(went_on, capsys):
    """The report said 'never seen in tuning' of a cluster that was tuned on."""
    where, *_ = went_on
    for name in ('evaluate', 'report'):
        assert command(name, where, HELD_OUT='sentiment', EVAL_TASKS=()) == 2
        assert 'data.held_out: paraphrase before, sentiment now' in capsys.readouterr().err


def test_another_tuning_than_the_checkpoints_is_refused(went_on, capsys):
    """A changed LORA_ALPHA scored another model than the one that was tuned."""
    where, *_ = went_on
    changes = {'Run.tuning': '@Lora()', 'Lora.rank': 2, 'INITIAL_CHECKPOINT_PATH': where['MODEL_DIR'] / 'checkpoints/4'}
    assert command('evaluate', where, **changes) == 2
    assert 'tuning.type: Full before, Lora now' in capsys.readouterr().err


def test_the_base_model_is_prompted_without_eos_and_the_tuned_one_with(went_on):
    where, *_ = went_on
    folder = where['MODEL_DIR'] / 'evaluation'
    counts = {}
    for model in ('base', 'step_4'):
        (path,) = folder.glob(f'{model}/glue_mrpc-*/test_template_0.jsonl')
        counts[model] = [json.loads(line)['prompt_tokens'] for line in path.read_text().splitlines()]
        settings = json.loads((path.parent / 'settings.json').read_text())
        assert settings['model']['prompt_format']['name'] == ('plain' if model == 'base' else 'flan')
    assert [count + 1 for count in counts['base']] == counts['step_4']
    page = (where['MODEL_DIR'] / 'report.html').read_text()
    assert 'the base model in prompt format “plain”' in page and 'the tuned model in prompt format “flan”' in page


def test_data_that_was_tuned_on_is_reported(went_on):
    where, *_ = went_on
    assert command('evaluate', where, EVAL_TASKS=('sst2', 'stsb')) == 0
    assert command('report', where, EVAL_TASKS=('sst2', 'stsb')) == 0
    report = report_of(where)
    assert report['exposure'] == {'sst2': 'tuned on', 'stsb': 'held out'}
    assert 'never seen' not in report['title']
    assert 'Not held out: sst2 (tuned on)' in (where['MODEL_DIR'] / 'report.html').read_text()


def test_templates_that_are_not_wanted_are_not_in_the_report(went_on):
    where, *_ = went_on
    assert command('report', where, **{'Evaluation.templates': (1,)}) == 0
    for line in report_of(where)['results']:
        assert [t['template'] for t in line['models']['tuned']['templates']] == [1]


def test_a_base_model_in_another_dtype_has_records_of_its_own(samples_dir, tmp_path):
    """Runs that share the records of their base, and evaluations without a run, may differ in it."""
    where = {'MODEL_DIR': tmp_path / 'run', 'Stream.directory': tmp_path, 'TFDS_DATA_DIR': samples_dir}
    changes = [{}, {'Training.dtype': 'bfloat16'}, {'Training.param_dtype': 'bfloat16'}, {'TRAIN_STEPS': 5}]
    runs = [configuration.load([TINY], bindings(where, **change)) for change in changes]
    folders = [run_evaluation.base_records(run).folder({'dataset': 'stsb'}) for run in runs]
    assert len(set(folders)) == 3 and folders[0] == folders[-1]


def test_each_page_says_how_its_own_evaluation_is_done_again(went_on, tmp_path):
    """Arms of a study ask one model in several ways; its manifest is of the newest."""
    where, *_ = went_on
    pages = {
        number: {'Evaluation.templates': (number,), 'Evaluation.report_dir': tmp_path / str(number)}
        for number in (0, 1)
    }
    for asked in pages.values():
        assert command('run', where, **asked) == 0
    for number, asked in pages.items():
        assert command('report', where, **asked) == 0
        found = json.loads((tmp_path / str(number) / 'report.json').read_text())['manifest']
        assert found['run']['evaluation']['templates'] == [number] and found['stream']
        assert found['command'].startswith('flan-jax run') and f'Evaluation.templates=({number},)' in found['command']
        assert f'Evaluation.templates = ({number},)' in found['gin']
