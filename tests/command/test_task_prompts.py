"""A run with a prompt for each task: stopped and resumed, evaluated with each task's own, asked with one."""

import dataclasses
import http.server
import json
import pathlib

import numpy as np
import pytest
from etils import epath

from flan_jax.command import configuration, main
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.train import prepare_tuning
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.evaluation.evaluate import unevaluated
from flan_jax.evaluation.evaluator import Evaluator
from flan_jax.evaluation.records import read
from flan_jax.evaluation.soft_prompts import each_prompt
from flan_jax.loaded_model import checkpoint_in, load
from flan_jax.studies.flan import FIGURE_10
from flan_jax.studies.progress import progress_of
from flan_jax.studies.run_evaluation import eval_set_of, tuned_records
from flan_jax.studies.study import PlannedRun
from flan_jax.studies.study_results import cells
from flan_jax.studies.study_results import scores_of as scores_of_study
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.weights import content_of
from flan_jax.tuning.task_prompts import prompt_name
from tests.command.converted_base import run_command, settings_on_base, write_base

TASKS = ('rte', 'cb')
PROMPTS = ('rte', 'cb', 'rte@2')


def settings_of(folder, samples_dir, **changes):
    settings = settings_on_base(folder, samples_dir) | {
        'MIXTURE_OR_TASK_NAME': '+'.join(TASKS), 'EVAL_TASKS': TASKS, 'EVAL_LIMIT': 3, 'Evaluation.templates': (0,),
        'TaskPrompts.tasks': (*TASKS, 'rte'), 'TaskPrompts.lengths': (7, 4, 7),
        'TaskPrompts.stopping': '@EarlyStopping()', 'EarlyStopping.every': 2, 'EarlyStopping.patience': 1,
        'EarlyStopping.examples': 4,
    }  # fmt: skip
    return settings | changes


def command(verb, folder, samples_dir, **changes):
    return run_command(verb, folder, settings_of(folder, samples_dir, **changes))


@pytest.fixture(scope='module')
def folder(tmp_path_factory, samples_dir) -> epath.Path:
    """A folder with a base model, and a run on it, trained and evaluated."""
    folder = write_base(tmp_path_factory.mktemp('prompts'), 'TaskPrompts')
    assert command('run', folder, samples_dir) == 0
    return folder


def prompts_of(run):
    found = content_of(checkpoint_in(run)).trained(make_mesh(Parallelism()))
    return {name: np.asarray(value) for name, value in found.items()}


def load_run(folder, samples_dir, **changes):
    bindings = {name: str(value) for name, value in settings_of(folder, samples_dir, **changes).items()}
    return configuration.load([str(folder / 'run.gin')], bindings)


def test_a_checkpoint_holds_prompts_of_a_few_kilobytes(folder):
    saved = checkpoint_in(folder / 'run')
    assert {name: tuple(value.shape) for name, value in checkpoints.parameter_metadata(saved).items()} == {
        'prompts/rte': (7, 32), 'prompts/cb': (4, 32), 'prompts/rte@2': (7, 32)
    }  # fmt: skip
    assert sum(file.stat().st_size for file in pathlib.Path(saved).rglob('*') if file.is_file()) < 60_000
    losses = [line for line in metrics_log.read(folder / 'run') if 'validation_loss/rte' in line]
    assert [line['step'] for line in losses] == [2, 4] and all('validation_loss/cb' in line for line in losses)


def test_every_prompt_of_a_task_is_evaluated(folder, samples_dir):
    """The records' scores are those of a model that holds that prompt alone, and of no other."""
    run, model = load_run(folder, samples_dir), load(folder / 'run')
    assert model.prompts == PROMPTS
    eval_set, asked = eval_set_of(run), []
    for part, of_prompt in each_prompt(eval_set, tuned_records(run)):
        for key in part.keys:
            records = read(of_prompt.folder(part.settings(key)), key)
            found = [option['sum'] for record in records for option in record['options']]
            scores = {prompt: scores_of(model.of_task(prompt), part, key) for prompt in PROMPTS}
            asked.append(prompt_name(key.dataset, of_prompt.prompt))
            np.testing.assert_allclose(found, scores.pop(asked[-1]), atol=1e-4)
            assert all(abs(np.subtract(found, of_other)).max() > 1e-2 for of_other in scores.values())
    assert set(asked) == set(PROMPTS) and {key.dataset for key in eval_set.keys} == set(TASKS)
    assert not any(unevaluated(part, model) for part, model in each_prompt(eval_set, tuned_records(run)))


def scores_of(model, eval_set, key):
    examples = {key: eval_set.examples(key, model.vocabulary, model.prompt_format)}
    (records,) = Evaluator(model, 16, 512).evaluate(examples).values()
    return [option['sum'] for record in records for option in record['options']]


def test_the_report_sets_prompts_of_a_task_side_by_side(folder):
    report = json.loads((folder / 'run' / 'report.json').read_text())
    (line,) = report['prompts']
    first = next(found['models']['tuned'] for found in report['results'] if found['name'] == 'rte')
    assert (line['name'], line['rows'], list(line['prompts'])) == ('rte', 7, ['rte', 'rte@2'])
    assert line['prompts']['rte'] == first['mean']
    assert line['mean'] == np.mean(list(line['prompts'].values()))
    assert line['std'] == pytest.approx(np.std(list(line['prompts'].values()), ddof=1))
    assert 'rte@2' in (folder / 'run' / 'report.html').read_text()


def test_a_folder_that_is_named_is_asked_with_every_prompt(folder, samples_dir, tmp_path):
    """As the run is: the second prompt of a task is a model beside the first."""
    asked = [f'soft={folder / "run"}', '--tasks=rte,cb', '--limit=3', '--templates=0', '--input_length=200']
    lengths = ['--max_new_tokens=16', f'--data_dir={samples_dir}', f'--output={tmp_path}']
    assert main.main(['evaluate', *asked, *lengths]) == 0
    rows = json.loads((tmp_path / 'report.json').read_text())['results']
    found = {(row['name'], model): of['mean'] for row in rows for model, of in row['models'].items()}
    (line,) = json.loads((folder / 'run/report.json').read_text())['prompts']
    assert set(found) == {('rte', 'soft'), ('cb', 'soft'), ('rte', 'soft_prompt_2')}
    assert [found['rte', 'soft'], found['rte', 'soft_prompt_2']] == list(line['prompts'].values())
    answers = {path.read_text() for path in tmp_path.glob('evaluation/soft/rte-*/test_template_0.jsonl')}
    assert len(answers) == 2


def test_one_prompt_is_served(folder, monkeypatch, capsys):
    def end(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(http.server.ThreadingHTTPServer, 'serve_forever', end)
    served = ['serve', str(folder / 'run'), '--port=0']
    assert main.main([*served, '--task=rte@2']) == 0
    assert main.main(served) == 2
    assert 'set task to one of: rte, cb, rte@2' in capsys.readouterr().err


def test_a_study_takes_the_prompts_of_a_task_for_seeds(folder, samples_dir):
    run, (line,) = load_run(folder, samples_dir), json.loads((folder / 'run' / 'report.json').read_text())['prompts']
    columns = {'RTE': ('rte',), 'CB': ('cb',)}
    study = dataclasses.replace(FIGURE_10, held_out={'natural_language_inference': tuple(columns)}, columns=columns)
    planned = PlannedRun('FLAN', 'natural_language_inference', 0, (), {})
    scores, answered = scores_of_study(study, [(planned, run)], 'tuned')
    assert answered == set(TASKS) and scores['FLAN']['RTE'] == list(line['prompts'].values())
    assert len(scores['FLAN']['CB']) == len(scores['FLAN']['Average']) == 1
    found = cells(scores)['FLAN']
    assert found['RTE']['std'] == pytest.approx(line['std']) and found['RTE']['seeds'] == 2
    assert found['CB']['std'] is None and progress_of(run).finished


def test_a_run_that_was_stopped_ends_with_the_same_prompts_and_what_stops_them(folder, samples_dir):
    where = {'MODEL_DIR': folder / 'stopped'}
    run = load_run(folder, samples_dir, **where)
    prepare_libraries(run.data)
    prepare_tuning(run, 'flan-jax train')[1](2)
    assert command('train', folder, samples_dir, **where) == 0
    for name, value in prompts_of(folder / 'run').items():
        np.testing.assert_array_equal(value, prompts_of(folder / 'stopped')[name], err_msg=name)
    losses = [
        [line for line in metrics_log.read(folder / name) if 'validation_loss/cb' in line]
        for name in ('run', 'stopped')
    ]
    assert losses[0] == losses[1]


def test_answers_are_those_of_the_prompt_that_is_named(folder, capsys):
    generate = ['generate', f'--checkpoint={folder / "run"}', '--max_new_tokens=8', 'Is it good?', 'yes']
    assert main.main(generate) == 2
    assert 'set task to one of: rte, cb' in capsys.readouterr().err
    assert main.main([*generate, '--task=wnli']) == 2
    answers = set()
    for task in TASKS:
        assert main.main([*generate, f'--task={task}']) == 0
        answers.add(capsys.readouterr().out)
    assert len(answers) == 2


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'EVAL_TASKS': ('rte', 'wnli')}, "unknown task of TaskPrompts.tasks 'wnli'"),
        ({'MIXTURE_OR_TASK_NAME': 'rte+snli'}, "unknown task of TaskPrompts.tasks 'snli'"),
        ({'TaskPrompts.lengths': (1, 2)}, 'TaskPrompts.lengths has 2 values'),
    ],
)
def test_what_has_no_prompt_is_refused_before_work(folder, samples_dir, capsys, changes, message):
    assert command('run', folder, samples_dir, MODEL_DIR=folder / 'refused', **changes) == 2
    assert message in capsys.readouterr().err
    assert not (folder / 'refused' / 'checkpoints').exists()


def test_few_examples_are_the_first_of_each_dataset(samples_dir):
    run = configuration.load(
        ['gin/runs/tiny.gin'],
        {
            'TFDS_DATA_DIR': samples_dir,
            'MIXTURE_OR_TASK_NAME': 'rte+sst2',
            'Data.examples_per_dataset': '2',
            'HELD_OUT': 'None',
        },
    )
    mixture = tuning_mixture(run.data)
    for task in mixture.seqio.tasks:
        assert task.num_input_examples('train') == 2 < task.num_input_examples('validation') + 2
    assert set(mixture.rates.values()) == {0.5}
