"""The verbs of an experiment: pack, train, evaluate, report, run."""

import functools
from collections.abc import Callable

from etils import epath

from flan_jax.command import configuration
from flan_jax.errors import UserError
from flan_jax.folders import require_writable
from flan_jax.progress import CONSOLE, bar
from flan_jax.settings import Experiment


def run_verb(verb: str, files: list[str], bindings: dict[str, str]) -> None:
    """Carries out an experiment verb."""
    experiment = configuration.load(files, bindings)
    require_writable(experiment.model_dir, 'MODEL_DIR')
    prepare_libraries(experiment)
    verbs = {
        'pack': pack,
        'train': lambda experiment: train(experiment, configuration.command(verb, files, bindings)),
        'evaluate': lambda experiment: evaluate(experiment, configuration.command(verb, files, bindings)),
        'report': report,
        'run': lambda experiment: run(experiment, configuration.command(verb, files, bindings)),
    }
    verbs[verb](experiment)


def run(experiment: Experiment, command: str) -> None:
    """Packs, tunes, asks the untuned and the tuned model, and reports; asks in between where EVALUATE_EVERY says so."""
    from flan_jax.evaluation import records
    from flan_jax.training import checkpoints

    evaluates = experiment.data.held_out or experiment.evaluation.targets
    if not evaluates:
        train(experiment, command)
        return report(experiment)
    questionnaire = _questionnaire(experiment)  # what cannot be evaluated is better known before hours of tuning
    tune_until = _tuning(experiment, command)
    for stop in _stops(experiment, checkpoints.latest_step(experiment.model_dir)):
        tune_until(stop)
        name = records.TUNED if stop == experiment.training.steps else records.tuned_at(stop)
        evaluate(experiment, command, questionnaire, name)
    return report(experiment)


def _stops(experiment: Experiment, done: int) -> list[int]:
    """The steps after which a run asks the model, those before its newest checkpoint left out."""
    last = experiment.training.steps
    between = range(experiment.evaluation.every or last, last, experiment.evaluation.every or last)
    return [stop for stop in (*between, last) if stop >= min(done, last)]


def _questionnaire(experiment: Experiment):
    from flan_jax.evaluation.evaluate import Questionnaire

    return Questionnaire(experiment)


def pack(experiment: Experiment):
    """Writes the stream unless it is there; returns it, opened."""
    from flan_jax.data.pack import write_stream
    from flan_jax.data.stream import PackedStream
    from flan_jax.training import processes

    with bar('packing rows', experiment.num_rows) as advance:
        folder = processes.first_does(
            'pack', lambda: write_stream(experiment.data, experiment.stream, experiment.num_rows, advance)
        )
    stream = PackedStream(folder)
    CONSOLE.print(f'stream: {folder}, {len(stream)} rows, density {stream.manifest.density:.3f}')
    return stream


def train(experiment: Experiment, command: str) -> None:
    """Tunes the model on the stream, packing first where it is missing; `command` is kept in the manifest."""
    _tuning(experiment, command)(experiment.training.steps)


def _tuning(experiment: Experiment, command: str) -> Callable[[int], None]:
    """Makes everything ready; returns what tunes until a step."""
    from flan_jax import manifest
    from flan_jax.data.mixtures import missing_members
    from flan_jax.data.vocabulary import Vocabulary
    from flan_jax.training.train import train as tune

    _check_vocabulary(experiment)
    proof = _prove_hold_out(experiment)
    stream = pack(experiment)
    missing = missing_members(experiment.data)
    gin_text = configuration.resolved()
    made = manifest.make(experiment, command, gin_text, stream.manifest, missing, proof)
    manifest.write(experiment.model_dir, made)
    if missing:
        CONSOLE.print(f'going on without {", ".join(missing)}')
    belongs_to = {
        'model': manifest.as_plain(experiment.model),
        'vocabulary': Vocabulary(experiment.data.vocabulary).fingerprint,
        'stream': stream.manifest.fingerprint,
        'lora': manifest.as_plain(experiment.lora),
        'base': experiment.initial_checkpoint,
    }
    return functools.partial(tune, experiment, stream, belongs_to)


def evaluate(experiment: Experiment, command: str, questionnaire=None, tuned: str = 'tuned') -> None:
    """Asks the untuned model and, where there is one, the tuned model, whose records are kept under a name."""
    import jax

    from flan_jax import manifest
    from flan_jax.evaluation import records
    from flan_jax.evaluation.evaluate import evaluate as ask
    from flan_jax.inference.placement import Placement
    from flan_jax.training import checkpoints
    from flan_jax.training.mesh import make_mesh, parameter_layout
    from flan_jax.training.program import execution_of, platform_of
    from flan_jax.training.train import initial_params, tuned_params

    latest = checkpoints.latest_folder(experiment.model_dir)
    if latest is None and experiment.initial_checkpoint is None:
        raise UserError(
            f'no checkpoint in {experiment.model_dir}; `flan-jax train` writes one, or INITIAL_CHECKPOINT names one to '
            'evaluate without tuning'
        )
    _check_vocabulary(experiment, latest)
    questionnaire = questionnaire or _questionnaire(experiment)
    mesh = make_mesh(experiment.parallelism)
    execution = execution_of(experiment.training, platform_of(mesh))
    layout = parameter_layout(experiment.model, mesh, experiment.training.param_dtype)
    weights = {records.UNTUNED: lambda: initial_params(experiment, layout)}
    if latest is not None:
        weights[tuned] = lambda: tuned_params(experiment, latest, mesh)
    else:
        manifest.write(experiment.model_dir, manifest.make(experiment, command, configuration.resolved(), None))
    with jax.set_mesh(mesh):
        for model, load in weights.items():
            ask(experiment, questionnaire, load, model, execution, Placement(mesh))


def report(experiment: Experiment) -> None:
    """Makes report.html and report.json, of one run or of an experiment's runs that are there."""
    import jax

    from flan_jax.evaluation.joint_report import runs_in, write_joint_report
    from flan_jax.evaluation.report import write_report

    if jax.process_index() == 0:
        write = write_joint_report if runs_in(experiment.model_dir) else write_report
        CONSOLE.print(f'report: {write(experiment)}')


def _prove_hold_out(experiment: Experiment) -> dict | None:
    """Proves that what is held out is not tuned on, or gives the run's earlier proof; None if nothing is held out."""
    from flan_jax import manifest
    from flan_jax.data.holdout import prove
    from flan_jax.evaluation.evaluate import has_test_rows, named_datasets

    if not experiment.data.held_out:
        return None
    before = manifest.read(experiment.model_dir) if manifest.exists(experiment.model_dir) else {}
    prepared = [d for d in named_datasets(experiment) if has_test_rows(d, experiment.data.tfds_data_dir)]
    proof = prove(experiment.data, prepared, before.get('hold_out'))
    for overlap in proof['overlaps'] if proof else ():
        CONSOLE.print('{rows} of {of} rows of {evaluated} share a text with {tuned}'.format(**overlap))
    return proof


def _check_vocabulary(experiment: Experiment, checkpoint: epath.Path | None = None) -> None:
    """Raises UserError unless model, checkpoint and vocabulary belong together."""
    from flan_jax.data.vocabulary import Vocabulary
    from flan_jax.training import checkpoints

    vocabulary = Vocabulary(experiment.data.vocabulary)
    if len(vocabulary) > experiment.model.vocab_size:
        raise UserError(
            f'{vocabulary.path} has {len(vocabulary)} pieces, the model only {experiment.model.vocab_size} '
            '(vocab_size); set VOCABULARY to the one the model was made for'
        )
    checkpoint = checkpoint or experiment.initial_checkpoint
    made_with = checkpoints.belongs_to(checkpoint).get('vocabulary') if checkpoint else None
    if made_with not in (None, vocabulary.fingerprint):
        raise UserError(
            f'{checkpoint} was trained with vocabulary {made_with}; VOCABULARY is {vocabulary.path} '
            f'({vocabulary.fingerprint})'
        )


def prepare_libraries(experiment: Experiment) -> None:
    """Joins the other processes, keeps compiled programs, fills the catalogue."""
    from flan_jax.command.compilation_cache import keep_compiled_programs
    from flan_jax.command.quiet import import_tensorflow
    from flan_jax.training import processes

    processes.join()
    keep_compiled_programs()
    import_tensorflow()

    from flan_jax.data import catalogue
    from flan_jax.data.original_templates import replace_templates

    catalogue.load(experiment.data.modules)
    if experiment.data.original_templates:
        replace_templates(experiment.data.original_templates)
