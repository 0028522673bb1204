"""gin files and bindings become a run; every run file that is shipped is sound, and every setting can be set."""

import dataclasses
import difflib
import subprocess
import sys
import typing

import pytest

from flan_jax.command import configuration, renamed
from flan_jax.command.configurables import configurables
from flan_jax.data.formats.chat_template import ChatTemplate
from flan_jax.errors import UserError
from flan_jax.inference.processors.top_p import TopP
from flan_jax.run import Run
from flan_jax.settings import Settings, allows, bindings
from tests.command import golden

GIVEN = {'MODEL_DIR': '/tmp/run', 'TFDS_DATA_DIR': '/tmp/data'}
TINY = ['gin/runs/tiny.gin']


@pytest.mark.parametrize('file', golden.shipped_runs())
def test_every_run_file_resolves_to_the_settings_in_git(file):
    expected, found = golden.path_of(file).read_text(), golden.resolved(file)
    difference = difflib.unified_diff(expected.splitlines(), found.splitlines(), 'in git', 'now', lineterm='', n=0)
    assert expected == found, '\n'.join([*difference, 'where that is meant: python -m tests.command.golden'])


@pytest.mark.parametrize('file', golden.shipped_runs())
def test_every_run_file_opens_with_what_it_does(file):
    head = (configuration.files_root() / file).read_text().split('\n\n')[0]
    assert all(line.startswith('#') for line in head.splitlines())
    assert any(f'flan-jax {command}' in head for command in ('run', 'ppo', 'reproduce'))
    assert 'Result: ' in head and 'Time: ' in head


def test_the_macros_have_the_values_that_the_settings_have_by_default():
    run = configuration.load([configuration.DEFAULTS, 'gin/models/lamda_2b.gin'], GIVEN)
    data = type(run.data)(tfds_data_dir=run.data.tfds_data_dir)
    assert run == Run(model_dir=run.model_dir, data=data, stream=type(run.stream)(), model=run.model)


def test_bindings_win_over_files():
    run = configuration.load(
        TINY,
        {'TRAIN_STEPS': '7', 'HELD_OUT': 'sentiment', 'EVAL_TASKS': "('rte', 'cb')", 'Training.weight_decay': '0.1'},
    )
    assert run.training.steps == 7 and run.training.weight_decay == 0.1
    assert run.data.held_out == 'sentiment'
    assert run.evaluation.targets == ('rte', 'cb')


def test_the_environment_gives_what_nothing_else_does(monkeypatch):
    monkeypatch.setenv('TFDS_DATA_DIR', '/from/environment')
    files = [configuration.DEFAULTS, 'gin/models/lamda_2b.gin']
    assert configuration.load(files, {'MODEL_DIR': 'x'}).data.tfds_data_dir == '/from/environment'
    assert configuration.load(files, GIVEN).data.tfds_data_dir == '/tmp/data'
    assert configuration.load(TINY, {}).data.tfds_data_dir == 'out/samples'


def test_what_is_missing_is_named_all_at_once(monkeypatch):
    monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
    with pytest.raises(UserError, match='MODEL_DIR, TFDS_DATA_DIR; add --gin.MODEL_DIR=... --gin.TFDS_DATA_DIR=...'):
        configuration.load([configuration.DEFAULTS, 'gin/models/lamda_2b.gin'], {})


# Every setting can be set.

ROOMY = {'Stream.sequence_length': '1024', 'Stream.targets_per_sequence': '256', 'Run.initial_checkpoint': "'x'"}
"""Lengths that may each be one more, and a base for tunings that need one."""


def lines(run):
    return dict(line.split(' = ', 1) for line in bindings(run))


def another(hint, value):
    """A value that a hint allows, other than `value`."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        first, *others = value if isinstance(value, tuple) and value else (None,)
        return (another(arguments[0], first), *others)  # as many, for fields that must be of one length
    number = value if type(value) in (int, float) else 0
    candidates = [number + 1, number + 0.5, number / 2, not value, 'other', 'another', *arguments]
    found = [
        choice for choice in candidates if not isinstance(choice, type) and allows(hint, choice) and choice != value
    ]
    return found[0] if found else next(another(part, value) for part in arguments if part is not type(None))


BESIDE = {name: {'Data.held_out': 'None'} for name in ('Reward', 'Ppo')}
"""What a class wants set beside it: what leaves a value head answers nothing."""

TEMPLATES = [f'{{% for m in messages %}}{{{{ m.content + eos_token{mark} }}}}{{% endfor %}}' for mark in ('', " + '|'")]
"""Chat templates, which are no texts like any other: they must render."""


def another_of(settings_class, name, value):
    if (settings_class, name) == (ChatTemplate, 'template'):
        return next(template for template in TEMPLATES if template != value)
    if (settings_class, name) == (TopP, 'p'):
        return 0.5 if value != 0.5 else 0.25
    return another(hints_of(settings_class)[name], value)


def parts_of(settings):
    """Settings, and those that they hold."""
    yield settings
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        for held in value if isinstance(value, tuple) else (value,):
            if isinstance(held, Settings):
                yield from parts_of(held)


def hints_of(settings_class):
    hints = typing.get_type_hints(settings_class, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(settings_class)}


def ways_to_hold(part):
    """Each class that a field of `part` may hold, the classes whose place it takes, and bindings that put it there."""
    for name, hint in hints_of(type(part)).items():
        for member in configurables().values():
            if dataclasses.is_dataclass(member) and holds(hint, member):
                required = [field for field in dataclasses.fields(member) if field.default is dataclasses.MISSING]
                given = {f'{member.__name__}.{f.name}': repr(another_of(member, f.name, 4096)) for f in required}
                reference = f'@{member.__name__}()'
                value = f'({reference},)' if typing.get_origin(hint) is tuple else reference
                of_member = {f'{type(part).__name__}.{name}': value} | BESIDE.get(member.__name__, {})
                yield member, replaced(getattr(part, name)), of_member | given


def replaced(value):
    """The classes of settings that go when a value does, and those that these hold."""
    held = value if isinstance(value, tuple) else (value,)
    return {type(part).__name__ for settings in held if isinstance(settings, Settings) for part in parts_of(settings)}


def holds(hint, member):
    if isinstance(hint, type):
        return issubclass(hint, Settings) and issubclass(member, hint)
    return any(holds(part, member) for part in typing.get_args(hint))


def runs_with_every_class():
    """Pairs of a class and bindings of a run that has it, for every class that a run may have."""
    start = lines(configuration.load(TINY, {})) | ROOMY
    found, queue = {}, [start]
    while queue:
        given = queue.pop()
        for part in parts_of(configuration.load(TINY, given)):
            if type(part) not in found:
                found[type(part)] = given
                for member, before, added in ways_to_hold(part):
                    if member not in found:
                        queue.append({k: v for k, v in given.items() if k.partition('.')[0] not in before} | added)
    return found


IN_ITS_PLACE = {'Stream.epochs': {'Training.steps': 'None'}}
"""What must be given up for a field."""


def test_every_field_of_every_settings_class_can_be_set():
    ways = runs_with_every_class()
    members = {member for member in configurables().values() if dataclasses.is_dataclass(member)}
    assert set(ways) == members  # so fields that hold settings are set
    for member, given in ways.items():
        before = lines(configuration.load(TINY, given))
        part = next(p for p in parts_of(configuration.load(TINY, given)) if type(p) is member)
        for name, hint in hints_of(member).items():
            value, key = getattr(part, name), f'{member.__name__}.{name}'
            if not any(holds(hint, held) for held in members):
                changed = {key: repr(another_of(member, name, value))} | IN_ITS_PLACE.get(key, {})
                assert lines(configuration.load(TINY, given | changed)) == before | changed != before


def test_what_could_not_be_set_before_is_among_what_can():
    members = configurables()
    for key in ('Training.weight_decay', 'Adafactor.multiply_by_parameter_scale', 'Training.keep_checkpoints'):
        name, _, field = key.partition('.')
        assert field in hints_of(members[name])


def test_a_tuning_is_found_by_the_file_it_stands_in():
    given = {'Run.tuning': '@Lora()', 'Lora.rank': '3', 'INITIAL_CHECKPOINT_PATH': 'base'}
    assert configuration.load(TINY, given).tuning.rank == 3
    given = {'Run.tuning': '@Prompt()', 'Prompt.length': '3', 'INITIAL_CHECKPOINT_PATH': 'base'}
    assert configuration.load(TINY, given).tuning.length == 3
    with pytest.raises(UserError, match=r'Run.tuning=@Lora\(\) .* set INITIAL_CHECKPOINT_PATH to that model'):
        configuration.load(TINY, {'Run.tuning': '@Lora()'})


# What is wrong is refused before anything starts.


@pytest.mark.parametrize(
    ('name', 'value', 'message'),
    [
        ('EVAL_LIMIT', '0', 'EVAL_LIMIT=0: must be an integer of at least 1 or None'),
        ('EVAL_LIMIT', 'two', "EVAL_LIMIT='two': must be an integer"),
        ('EVAL_PERIOD', '0', 'EVAL_PERIOD=0: must be'),
        ('EVAL_TASKS', 'rte', "EVAL_TASKS='rte': must be a tuple"),
        ('SHOTS', '(1.0,)', r'SHOTS=\(1.0,\): must be a tuple .* integer from 0 to 16'),
        ('SHOTS', '()', r'SHOTS=\(\): must be'),
        ('Training.keep_checkpoints', '0', 'Training.keep_checkpoints=0: must be'),
        ('Evaluation.templates', '0', 'Evaluation.templates=0: must be a tuple'),
        ('Evaluation.score', 'summ', "Evaluation.score='summ': must be one of 'sum', "),
        ('Data.instructions', 'no_template', "Data.instructions='no_template': must be one of 'templates', 'none'"),
        ('Data.allow_missing', 'false', "Data.allow_missing='false': must be True or False"),
        ('Evaluation.fixed_exemplars', 'nope', "Evaluation.fixed_exemplars='nope': must be True or False"),
        ('MODEL_DIR', '', "MODEL_DIR='': must be a string"),
        ('BATCH_SIZE', 'True', 'BATCH_SIZE=True: must be an integer'),
        ('FSDP', '0', 'FSDP=0: must be'),
        ('lamda.num_layers', '0', 'DecoderConfig.num_layers=0: must be'),
        ('SEQUENCE_LENGTH', '100', 'raise SEQUENCE_LENGTH, or lower'),
        ('Stream.targets_per_sequence', '100', 'less than the Stream.target_length=128'),
        ('Training.microbatches', '3', 'BATCH_SIZE=8 must be a multiple of Training.microbatches=3'),
        ('Run.tuning', '@NextToken()', r'Run.tuning=NextToken\(\): must be .*@Lora\(\)'),
        ('LEARNIN_RATE', '1', "unknown macro 'LEARNIN_RATE'; did you mean LEARNING_RATE"),
        ('SEED', '%NOWHERE', 'required settings are missing: NOWHERE'),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_the_name_that_users_set(name, value, message):
    with pytest.raises(UserError, match=message):
        configuration.load(TINY, {name: value})


@pytest.mark.parametrize('input_length', [768, 769])
def test_examples_longer_than_the_positions_of_the_model_are_refused(input_length):
    """A model with a learned vector per position would see the last one again and again."""
    files = [configuration.DEFAULTS, 'gin/models/gpt2_small.gin']
    given = GIVEN | {'Stream.input_length': str(input_length)}
    if input_length + 256 <= 1024:
        assert configuration.load(files, given).model.max_length == 1024
    else:
        with pytest.raises(UserError, match='Stream.input_length=769 .* longer than the 1024 positions'):
            configuration.load(files, given)


@pytest.fixture
def gin_file(tmp_path):
    def write(text):
        path = tmp_path / 'mine.gin'
        path.write_text(f"include 'gin/runs/tiny.gin'\n{text}\n")
        return [str(path)]

    return write


def test_a_misspelt_macro_in_a_file_is_refused_and_does_not_become_a_known_name(gin_file):
    with pytest.raises(UserError, match="unknown macro 'LEARNIN_RATE'; did you mean LEARNING_RATE"):
        configuration.load(gin_file('LEARNIN_RATE = 0.5'), {})
    with pytest.raises(UserError, match="unknown macro 'LEARNIN_RATE'; did you mean LEARNING_RATE"):
        configuration.load(TINY, {'LEARNIN_RATE': '0.5'})


def test_a_macro_of_ones_own_may_be_referred_to(gin_file):
    mine = gin_file('WARMUP = 7\nTraining.warmup_steps = %WARMUP')
    assert configuration.load(mine, {}).training.warmup_steps == 7
    assert configuration.load(mine, {'WARMUP': '9'}).training.warmup_steps == 9
    assert configuration.load(mine, {'Training.warmup_steps': '0'}).training.warmup_steps == 0


@pytest.mark.parametrize('old', renamed.MACROS)
def test_a_macro_of_an_earlier_version_is_refused_with_its_new_name(gin_file, old):
    for files, given in ((gin_file(f'{old} = 1'), {}), (TINY, {old: '1'})):
        with pytest.raises(UserError) as error:
            configuration.load(files, given)
        assert f'{old} is now {renamed.MACROS[old]}' in str(error.value)


@pytest.mark.parametrize(('old', 'new'), [('Experiment.data', 'Run'), *renamed.FIELDS.items()])
def test_a_setting_of_an_earlier_version_is_refused_with_its_new_name(gin_file, old, new):
    for files, given in ((gin_file(f'{old} = 1'), {}), (TINY, {old: '1'})):
        with pytest.raises(UserError) as error:
            configuration.load(files, given)
        assert f'is now {new}' in str(error.value)


def test_new_names_are_names():
    """What a message sends its reader to must be there."""
    fields = {f'{name}.{field}' for name, member in configurables().items() for field in parameters(member)}
    for new in (*renamed.MACROS.values(), *renamed.FIELDS.values()):
        first = new.split(' = ')[0].split(',')[0]
        assert first in fields or first in configuration.default_macros(), new


def parameters(member):
    return hints_of(member) if dataclasses.is_dataclass(member) else ()


def test_the_command_can_be_given_again():
    command = configuration.command('run', TINY, {'EVAL_TASKS': "('rte',)", 'SEED': '3'})
    assert command == """flan-jax run --gin_file=gin/runs/tiny.gin '--gin.EVAL_TASKS=('"'"'rte'"'"',)' --gin.SEED=3"""


def test_finding_a_file_of_the_project_from_elsewhere_logs_no_error(tmp_path):
    code = "from flan_jax.command import configuration; configuration.load(['gin/runs/tiny.gin'], {})"
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 'Path not found' not in done.stderr


def test_fields_of_the_runs_optimizer_and_schedule_count_and_others_are_refused():
    small = ['gin/runs/small.gin']
    data = {'TFDS_DATA_DIR': 'data'}
    run = configuration.load(small, data | {'Adafactor.decay_rate': '0.7'})
    assert run.training.optimizer.decay_rate == 0.7
    with pytest.raises(UserError, match=r'AdamW.b2: Training.optimizer is @Adafactor'):
        configuration.load(small, data | {'AdamW.b2': '0.95'})
    chosen = configuration.load(small, data | {'Training.optimizer': '@AdamW()', 'AdamW.b2': '0.95'})
    assert chosen.training.optimizer.b2 == 0.95


# A gin file sets settings and runs nothing; what cannot be read is told in one line.


@pytest.mark.parametrize(
    'text',
    [
        'import this',
        'from os import path',
        "from __gin__ import dynamic_registration\nimport os\nMODEL_DIR = @os.mkdir()\nos.mkdir.path = 'PLACE'",
    ],
)
@pytest.mark.parametrize('included', [False, True])
def test_a_gin_file_runs_no_code(tmp_path, text, included):
    file = tmp_path / 'theirs.gin'
    file.write_text(text.replace('PLACE', str(tmp_path / 'made')))
    if included:
        (tmp_path / 'mine.gin').write_text(f"include 'gin/runs/tiny.gin'\ninclude '{file}'\n")
        file = tmp_path / 'mine.gin'
    with pytest.raises(UserError, match=r'(import|from) .*run no code.* in MODULES'):
        configuration.load([str(file)], {})
    assert 'this' not in sys.modules and not (tmp_path / 'made').exists()


UNREADABLE_VALUES = ('@', '%%', '((@x', '@Lora(', '%TRAIN_STEPS', '(%TRAIN_STEPS,)', '@gin.macro()', '@gin.constant()')
UNREADABLE_VALUES += ('@Run()', '@os.system()', '1' * 400, '(' * 3000, '[' * 3000, '9' * 5000, '1e999')


@pytest.mark.parametrize('value', UNREADABLE_VALUES, ids=lambda value: value[:20])
def test_a_value_that_gin_cannot_read_or_make_is_refused_in_few_words(value):
    with pytest.raises(UserError) as error:
        configuration.load(TINY, {'TRAIN_STEPS': value})
    assert (
        'TRAIN_STEPS' in str(error.value) or 'the configuration' in str(error.value) or value[1:-2] in str(error.value)
    )
    assert len(str(error.value)) < 800


@pytest.mark.parametrize(
    'text', ['"""', 'SEED = (1,', 'A = %B\nB = %A\nSEED = %A', 'include "SELF"', 'Run.data = @Run()']
)
def test_a_file_that_gin_cannot_read_is_refused(tmp_path, text):
    file = tmp_path / 'broken.gin'
    file.write_text("include 'gin/runs/tiny.gin'\n" + text.replace('SELF', str(file)))
    with pytest.raises(UserError):
        configuration.load([str(file)], {})


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({'Lora.rank': '3'}, r'Lora.rank: Run.tuning is @Full\(\); set Run.tuning = @Lora\(\)'),
        ({'EarlyStopping.patience': '3'}, r'EarlyStopping.patience: the run does not use @EarlyStopping\(\)'),
        ({'Linear.end': '0.1'}, r'Linear.end: Training.schedule is @Constant\(\)'),
    ],
)
def test_a_field_of_a_class_that_is_not_chosen_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        configuration.load(TINY, given)


def test_an_argument_of_a_function_that_is_not_called_is_refused():
    files = [configuration.DEFAULTS, 'gin/models/pythia_70m.gin']
    shorter = GIVEN | {'INITIAL_CHECKPOINT_PATH': 'x', 'VOCABULARY': 'x'}
    with pytest.raises(UserError, match=r'lamda.num_layers: the run does not use @lamda\(\)'):
        configuration.load(files, shorter | {'lamda.num_layers': '3'})


def test_a_field_in_a_scope_that_the_run_has_not_is_refused():
    with pytest.raises(UserError, match=r'the run does not use @x/Training\(\)'):
        configuration.load(TINY, {'x/Training.steps': '3'})
    files = ['gin/runs/flan2022.gin']
    run = configuration.load(files, GIVEN | {'chain_of_thought/Part.weight': '7.0'})
    assert 7.0 in [part.weight for part in run.data.parts]
