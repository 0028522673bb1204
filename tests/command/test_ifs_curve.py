"""The score while a model is tuned: a killed run draws the same curve, and stops where it would."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from flan_jax.command.ifs_curve import CLASSIFIER, asked_of, probe_of
from flan_jax.data.settings import Data
from flan_jax.distributed.mesh import make_mesh
from flan_jax.errors import UserError
from flan_jax.evaluation.instruction_following.classifier import AnswerClassifier, save
from flan_jax.evaluation.instruction_following.curve import EXAMPLES_SEEN, FOLDER, RULE_MET, steps_in, stopped_at
from flan_jax.evaluation.instruction_following.settings import IfsCurve
from flan_jax.evaluation.stopping.threshold import Threshold
from flan_jax.files import DamagedFile
from flan_jax.model.config import Learned
from flan_jax.objectives.reward import Reward
from flan_jax.packing.settings import Stream
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.studies.progress import progress_of
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints, metrics_log
from flan_jax.training.initial import base_weights
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.training.train import Checkpointing, train
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.training.test_train import MODEL, STEPS, BreakingStream, open_stream

EVERY, FULL, RULE = 2, Full(), Threshold(ifs=0.0)
POINTS = [0, 2, 4, 6, STEPS]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Six instructions, and a classifier that takes everything said for an answer."""
    folder = tmp_path_factory.mktemp('ifs')
    rows = [{'prompt': f'name {n} thing', 'kind': ('partial', 'full')[n % 2]} for n in range(6)]
    (folder / 'instructions.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    save(AnswerClassifier([], np.zeros(0, np.float32), 1.0), folder / CLASSIFIER)
    return folder


@pytest.fixture(scope='module')
def text(tmp_path_factory):
    """A folder with running text to learn, which streams are written into."""
    folder = tmp_path_factory.mktemp('text')
    (folder / 'text.txt').write_text(
        ''.join(f'{n} things are {n % 7} more than others. ' * 9 + '\n' for n in range(40))
    )
    return folder


@pytest.fixture
def make(text, data):
    def made(folder: pathlib.Path, tuning=FULL, base=None, **changes):
        curve = IfsCurve(data=str(data), every=EVERY, choices=3, max_new_tokens=4, rule=RULE, ends_tuning=False)
        return Run(
            model_dir=str(folder),
            data=Data(tfds_data_dir=str(text), mixture=f'text:{text}/*.txt'),
            stream=Stream(directory=str(text), sequence_length=64, input_length=16, target_length=48, window=4),
            model=MODEL,
            training=Training(steps=STEPS, batch_size=4, learning_rate=0.02, log_every=1, checkpoint_every=2),
            tuning=tuning,
            initial_checkpoint=base,
            ifs_curve=dataclasses.replace(curve, **changes),
        )

    return made


class AtTheEnd:
    """Validates the last weights alone."""

    all_stopped = False

    def is_due(self, done):
        return done == STEPS

    def __call__(self, state, frozen):
        return state, {'validated': 1.0}


def tune(run, stream=None, validation=None):
    """Tunes to the end as the command does."""
    stream, mesh = stream or open_stream(run), make_mesh(run.parallelism)
    probe = probe_of(run, asked_of(run), run.training, stream)
    program = training_program(run.model, run.objective, run.tuning, run.training, mesh, stream.manifest.clusters)
    base = base_weights(run.model, run.initial_checkpoint, run.training.seed)
    checkpointing = Checkpointing(run.model_dir, base, Vocabulary().encode, metadata={})
    train(program, run.training, stream, checkpointing, STEPS, validation, probe)


def answers_of(run):
    return {path.name: path.read_bytes() for path in pathlib.Path(run.model_dir, FOLDER).glob('*.jsonl')}


def curve_in(run):
    """What the log says of the curve."""
    return [
        {name: value for name, value in line.items() if 'ifs' in name or name in ('step', EXAMPLES_SEEN, 'objecqa')}
        for line in metrics_log.read(run.model_dir)
        if 'ifs' in line
    ]


@pytest.fixture
def whole(make, tmp_path):
    run = make(tmp_path / 'whole')
    tune(run)
    return run


def test_a_killed_run_draws_the_same_curve_and_stops_where_it_would_have(make, whole, tmp_path):
    """Whole, killed between an evaluation and the next checkpoint, and ended by its rule."""
    assert steps_in(whole.model_dir) == POINTS == [line['step'] for line in curve_in(whole)]
    assert [line['step'] for line in curve_in(whole) if line[RULE_MET]] == [EVERY]
    killed = make(tmp_path / 'killed')
    for breaks_at in (1, 5):
        with pytest.raises(OSError, match='the disk is gone'):
            tune(killed, BreakingStream(open_stream(killed).folder, breaks_at))
    tune(killed)
    assert answers_of(killed) == answers_of(whole) and curve_in(killed) == curve_in(whole)
    ended = make(tmp_path / 'ended', ends_tuning=True)
    for _ in range(2):  # the second time there is nothing to do
        tune(ended)
        assert checkpoints.latest_step(ended.model_dir) == EVERY and curve_in(ended) == curve_in(whole)[:2]
    assert answers_of(ended).items() < answers_of(whole).items()
    assert progress_of(ended).answered and progress_of(ended).total_steps == EVERY


def test_the_weights_at_which_the_rule_ends_tuning_are_validated_as_the_last(make, tmp_path):
    ended = make(tmp_path / 'ended', ends_tuning=True)
    tune(ended, validation=AtTheEnd())
    assert [line['step'] for line in metrics_log.read(ended.model_dir) if 'validated' in line] == [EVERY]


def test_an_adapter_is_asked_as_part_of_its_model(make, whole, tmp_path):
    """It begins at zero, and so where the base ended."""
    base = str(checkpoints.latest_folder(whole.model_dir))
    adapted = make(tmp_path / 'adapted', Lora(rank=2), base, ends_tuning=True)
    tune(adapted)
    first, last = answers_of(adapted)['step_00000000.jsonl'], answers_of(whole)[f'step_{STEPS:08d}.jsonl']
    assert first == last and steps_in(adapted.model_dir) == [0, EVERY]


def test_what_cannot_be_asked_is_refused(make, data, tmp_path):
    with pytest.raises(UserError, match='instructions.jsonl: no such file; `flan-jax ifs data'):
        asked_of(make(tmp_path / 'run', data=str(tmp_path)))
    (tmp_path / 'instructions.jsonl').write_bytes((data / 'instructions.jsonl').read_bytes())
    with pytest.raises(UserError, match='holds no classifier'):
        asked_of(make(tmp_path / 'run', data=str(tmp_path)))
    asked_of(make(tmp_path / 'run'))
    with pytest.raises(UserError, match='with another max_new_tokens'):
        asked_of(make(tmp_path / 'run', max_new_tokens=5))
    positions = dataclasses.replace(MODEL, position=Learned(max_length=70))
    with pytest.raises(SettingsError, match='IfsCurve.max_new_tokens=60 after Stream.input_length=16'):
        dataclasses.replace(make(tmp_path, max_new_tokens=60), model=positions)
    with pytest.raises(SettingsError, match=r'Run.objective=@Reward\(\) does not train'):
        dataclasses.replace(make(tmp_path), objective=Reward())


def test_a_damaged_curve_is_named(make, tmp_path):
    run = make(tmp_path)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / 'step_00000002.jsonl').write_text('{"kind": "full"}')
    with pytest.raises(DamagedFile, match='step_00000002.jsonl is damaged; remove it'):
        stopped_at(run.ifs_curve, run.model_dir, 4)
