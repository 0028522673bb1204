"""flan-jax train: tune the model, packing first where the stream is missing."""

import functools
from collections.abc import Callable
from typing import Any

from etils import epath

from flan_jax.command import configuration
from flan_jax.command.ifs_curve import asked_of, probe_of
from flan_jax.command.pack import pack
from flan_jax.command.reference import held_out_of, reference_stream
from flan_jax.command.start import start
from flan_jax.command.starting_weights import check_weights
from flan_jax.command.task_prompts import check_prompts, validator_of
from flan_jax.command.validation import check_validation, loss_of
from flan_jax.errors import UserError
from flan_jax.objectives.ppo import Ppo
from flan_jax.progress import CONSOLE
from flan_jax.run import Run
from flan_jax.training.probe import Probe
from flan_jax.training.settings import Training


def main(arguments: list[str]) -> None:
    """Tunes the model of the run that the arguments describe."""
    train(*start('train', arguments))


def train(run: Run, command: str) -> None:
    """Tunes the model on the stream, packing first where it is missing; `command` is kept in the manifest."""
    from flan_jax.distributed.lock import only_run

    with only_run(run.model_dir):
        steps, tune_until = tuning(run, command)
        tune_until(steps)


def tuning(run: Run, command: str) -> tuple[int, Callable[[int], None]]:
    """Makes everything ready; returns the number of steps, and what tunes until one of them."""
    from flan_jax import manifest
    from flan_jax.command.tensorboard import show_settings
    from flan_jax.data.mixtures import missing_members
    from flan_jax.loaded_model import checkpoint_in
    from flan_jax.training.weights import require_base_as_before

    if isinstance(run.objective, Ppo):
        raise UserError('Run.objective=@Ppo() learns from answers of the model itself; use `flan-jax ppo`')
    check_vocabulary(run)
    check_weights(run)
    if run.tuning.freezes_base and run.initial_checkpoint:
        require_base_as_before(run.model_dir, run.initial_checkpoint)
    if run.objective.reference:
        check_vocabulary(run, checkpoint_in(run.objective.reference))
    if run.tuning.prompt_names:
        check_prompts(run)
    check_validation(run)
    asked = asked_of(run)
    proof = _prove_hold_out(run)
    stream = pack(run)
    missing = missing_members(run.data)
    made = manifest.make(
        run,
        command=command,
        gin_text=configuration.resolved(),
        stream=stream.manifest,
        missing=missing,
        hold_out=proof,
    )
    manifest.write(run.model_dir, made)
    if missing:
        CONSOLE.print(f'going on without {", ".join(missing)}')
    show_settings(run)
    tell_of_longer_examples(run)
    training = run.training.over(len(stream))
    if training.warmup >= training.num_steps:
        CONSOLE.print(
            f'Training.warmup_steps={training.warmup}: the learning rate rises from 0 over all {training.num_steps} '
            f'steps, and does not reach LEARNING_RATE={training.learning_rate}'
        )
    return training.num_steps, _trainer(run, training, stream, probe_of(run, asked, training, stream))


def tell_of_longer_examples(run: Run) -> None:
    """Tells where examples may be longer than those that the model was trained on, which may well be meant."""
    longest, trained = run.tuning.positions + run.stream.example_length, run.model.trained_length
    if longest > trained:
        CONSOLE.print(
            f'Stream.input_length={run.stream.input_length} and Stream.target_length={run.stream.target_length}: '
            f'examples may be longer than the {trained:.0f} tokens that the model was trained on; shorten them or, if '
            f'it is to learn longer ones, set --gin.Rotary.trained_length={longest}'
        )


def _trainer(run: Run, training: Training, stream, probe: Probe) -> Callable[[int], None]:
    """Trains on a stream until a step."""
    from flan_jax.distributed.mesh import make_mesh
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.initial import base_weights
    from flan_jax.training.program import training_program
    from flan_jax.training.train import Checkpointing
    from flan_jax.training.train import train as train_until

    mesh = make_mesh(run.parallelism)
    program = training_program(run.model, run.objective, run.tuning, training, mesh, stream.manifest.clusters)
    base = base_weights(run.model, run.initial_checkpoint, training.seed)
    encode, metadata, reference = Vocabulary(run.data.vocabulary).encode, _metadata(run, stream), None
    if run.objective.needs_reference:
        stream, reference = reference_stream(run, program, stream)
        metadata['reference'] = reference.fingerprint
    checkpointing = Checkpointing(run.model_dir, base, encode, metadata)
    if run.tuning.stopping:
        validator = validator_of(run, program, stream)
    else:
        measured = loss_of(run, training, program, stream)
        validator = measured or held_out_of(run, training, program, stream, reference)
    return functools.partial(train_until, program, training, stream, checkpointing, validator=validator, probe=probe)


def _metadata(run: Run, stream) -> dict[str, Any]:
    """What every checkpoint says of its weights."""
    from flan_jax.manifest import run_fingerprint
    from flan_jax.settings import as_plain
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training import checkpoints
    from flan_jax.training.weights import BASE_WEIGHTS

    base = run.initial_checkpoint
    base_run = checkpoints.metadata(base).get('run') if base else None
    return {
        'model': as_plain(run.model),
        'vocabulary': Vocabulary(run.data.vocabulary).fingerprint,
        'vocabulary_path': run.data.vocabulary,
        'prompt_format': run.prompt_format.recipe,
        'stream': stream.manifest.fingerprint,
        'tuning': as_plain(run.tuning),
        'base': base,
        BASE_WEIGHTS: checkpoints.weights_digest(base) if base else None,
        'run': run_fingerprint(run, stream.manifest, base_run),
    }


def _prove_hold_out(run: Run) -> dict | None:
    """Proves that what is held out is not tuned on, or gives the run's earlier proof; None if nothing is held out."""
    from flan_jax import manifest
    from flan_jax.data.holdout import in_words, overlapping_clusters, prove
    from flan_jax.evaluation.eval_set import has_test_split
    from flan_jax.evaluation.selection import named_datasets

    if not run.data.held_out:
        return None
    before = manifest.read(run.model_dir) if manifest.exists(run.model_dir) else {}
    named = named_datasets(run.evaluation, run.data.held_out)
    prepared = [dataset for dataset in named if has_test_split(dataset, run.data.tfds_data_dir)]
    proof = prove(run.data, prepared, before.get('hold_out'))
    for evaluated, tuned, overlaps in overlapping_clusters(proof['overlaps'] if proof else ()):
        CONSOLE.print(f'{evaluated} is held out, but overlaps {tuned}, which the paper does not exclude:')
        for overlap in overlaps:
            CONSOLE.print(f'  {in_words(overlap)}')
    return proof


def check_vocabulary(run: Run, checkpoint: epath.Path | None = None) -> None:
    """Raises UserError unless model, checkpoint and vocabulary belong together."""
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training import checkpoints

    vocabulary = Vocabulary(run.data.vocabulary)
    if len(vocabulary) > run.model.vocab_size:
        raise UserError(
            f'{vocabulary.path} has {len(vocabulary)} pieces, the model only {run.model.vocab_size} '
            '(vocab_size); set VOCABULARY to the one the model was made for'
        )
    checkpoint = checkpoint or run.initial_checkpoint
    made_with = checkpoints.metadata(checkpoint).get('vocabulary') if checkpoint else None
    if made_with not in (None, vocabulary.fingerprint):
        raise UserError(
            f'{checkpoint} was trained with vocabulary {made_with}; VOCABULARY is {vocabulary.path} '
            f'({vocabulary.fingerprint})'
        )
