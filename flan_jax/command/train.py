"""flan-jax train: tune the model, packing first where the stream is missing."""

import functools
from collections.abc import Callable

from etils import epath

from flan_jax.command import configuration
from flan_jax.command.pack import pack
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def train(experiment: Run, command: str) -> None:
    """Tunes the model on the stream, packing first where it is missing; `command` is kept in the manifest."""
    tuning(experiment, command)(experiment.training.steps)


def tuning(experiment: Run, command: str) -> Callable[[int], None]:
    """Makes everything ready; returns what tunes until a step."""
    from flan_jax import manifest
    from flan_jax.data.mixtures import missing_members
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.train import train as tune

    check_vocabulary(experiment)
    proof = _prove_hold_out(experiment)
    stream = pack(experiment)
    missing = missing_members(experiment.data)
    gin_text = configuration.resolved()
    made = manifest.make(experiment, command, gin_text, stream.manifest, missing, proof)
    manifest.write(experiment.model_dir, made)
    if missing:
        CONSOLE.print(f'going on without {", ".join(missing)}')
    metadata = {
        'model': manifest.as_plain(experiment.model),
        'vocabulary': Vocabulary(experiment.data.vocabulary).fingerprint,
        'stream': stream.manifest.fingerprint,
        'lora': manifest.as_plain(experiment.lora),
        'base': experiment.initial_checkpoint,
    }
    return functools.partial(tune, experiment, stream, metadata)


def _prove_hold_out(experiment: Run) -> dict | None:
    """Proves that what is held out is not tuned on, or gives the run's earlier proof; None if nothing is held out."""
    from flan_jax import manifest
    from flan_jax.data.holdout import prove
    from flan_jax.evaluation.eval_set import has_test_split
    from flan_jax.evaluation.selection import named_datasets

    if not experiment.data.held_out:
        return None
    before = manifest.read(experiment.model_dir) if manifest.exists(experiment.model_dir) else {}
    named = named_datasets(experiment.evaluation, experiment.data.held_out)
    prepared = [dataset for dataset in named if has_test_split(dataset, experiment.data.tfds_data_dir)]
    proof = prove(experiment.data, prepared, before.get('hold_out'))
    for overlap in proof['overlaps'] if proof else ():
        CONSOLE.print('{rows} of {of} rows of {evaluated} share a text with {tuned}'.format(**overlap))
    return proof


def check_vocabulary(experiment: Run, checkpoint: epath.Path | None = None) -> None:
    """Raises UserError unless model, checkpoint and vocabulary belong together."""
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training import checkpoints

    vocabulary = Vocabulary(experiment.data.vocabulary)
    if len(vocabulary) > experiment.model.vocab_size:
        raise UserError(
            f'{vocabulary.path} has {len(vocabulary)} pieces, the model only {experiment.model.vocab_size} '
            '(vocab_size); set VOCABULARY to the one the model was made for'
        )
    checkpoint = checkpoint or experiment.initial_checkpoint
    made_with = checkpoints.metadata(checkpoint).get('vocabulary') if checkpoint else None
    if made_with not in (None, vocabulary.fingerprint):
        raise UserError(
            f'{checkpoint} was trained with vocabulary {made_with}; VOCABULARY is {vocabulary.path} '
            f'({vocabulary.fingerprint})'
        )
