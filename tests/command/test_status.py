"""`flan-jax status RUN` says how far a run is, and who is at work there, without touching it."""

import json

import pytest

from flan_jax import manifest
from flan_jax.command import main
from flan_jax.command.status import status_of
from flan_jax.distributed.lock import at_work, only_run
from flan_jax.training import metrics_log


@pytest.fixture
def run(tmp_path):
    """The folder of a run at step 20 of 50, of 4 sequences of 100 tokens."""
    settings = {'training': {'steps': 50, 'batch_size': 4}, 'stream': {'sequence_length': 100}}
    (tmp_path / manifest.FILE).write_text(json.dumps({'run': settings}))
    lines = [{'step': step, 'loss': 2.0, 'tokens_per_second': 200.0} for step in (10, 20)]
    (tmp_path / metrics_log.FILE).write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return tmp_path


def test_says_how_far_a_run_is_and_when_it_will_end(run):
    found = dict(status_of(str(run)))
    assert found['tuned'] == '20 of 50 steps (40%)'
    assert found['speed'] == '200 tokens/s; 0:01:00 to go'  # 30 steps of 400 tokens
    assert found['saved'] == 'no checkpoint yet' and found['report'] == 'not yet'


def test_a_run_of_epochs_says_which(run):
    made = json.loads((run / manifest.FILE).read_text())
    made['run']['training']['steps'], made['run']['stream']['epochs'] = None, 3
    (run / manifest.FILE).write_text(json.dumps(made))
    assert dict(status_of(str(run)))['tuned'] == '20 steps'
    with (run / metrics_log.FILE).open('a') as file:
        file.write(json.dumps({'step': 30, 'loss': 2.0, 'epoch': 1.5}) + '\n')
    assert dict(status_of(str(run)))['tuned'] == '30 steps, epoch 1.50 of 3'


def test_a_run_that_packs_is_at_work_though_it_has_no_manifest_yet(tmp_path):
    with only_run(tmp_path):
        assert dict(status_of(str(tmp_path)))['process'] == at_work(tmp_path)


def test_lines_of_evaluations_are_without_a_loss(run):
    """As those of the Instruction Following Score, of held-out rankings and of the validation of prompts."""
    before = dict(status_of(str(run)))
    with (run / metrics_log.FILE).open('a') as file:
        file.write(json.dumps({'step': 20, 'ifs': 0.5}) + '\n')
    assert dict(status_of(str(run))) == before
    (run / metrics_log.FILE).write_text(json.dumps({'step': 0, 'ifs': 0.5}) + '\n')
    assert 'loss' not in dict(status_of(str(run)))


def test_says_that_a_rule_ended_tuning(run):
    made = json.loads((run / manifest.FILE).read_text())
    made['run']['ifs_curve'] = {'ends_tuning': True}
    (run / manifest.FILE).write_text(json.dumps(made))
    with open(run / metrics_log.FILE, 'a', encoding='utf-8') as file:
        file.write(json.dumps({'step': 20, 'ifs': 0.9, 'ifs_rule_met': 1.0}) + '\n')
    assert dict(status_of(str(run)))['tuned'].startswith('20 of 50 steps, ended early')


def test_names_the_process_at_work_and_keeps_no_run_out(run):
    assert at_work(run) == ''
    with only_run(run):
        assert 'process' in at_work(run)
        assert dict(status_of(str(run)))['process'] == at_work(run)
    assert at_work(run) == ''
    with only_run(run):
        pass


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert main.main(['status', str(tmp_path)]) == 2
    assert 'contains no run' in capsys.readouterr().err


def test_what_is_noted_reaches_the_disk_before_the_next_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics_log, 'FLUSH_SECONDS', -1.0)
    with metrics_log.MetricsLog(str(tmp_path), 0) as log:
        log.write(1, {'loss': 3.0})
        assert metrics_log.read(tmp_path) == [{'step': 1, 'loss': 3.0}]
