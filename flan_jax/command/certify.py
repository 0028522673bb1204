"""flan-jax certify: contamination: how many evaluated examples occur in the stream that a run was trained on."""

from collections.abc import Mapping
from typing import Any

from flan_jax.command.start import start
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Certifies the run that the arguments describe."""
    from flan_jax.distributed.lock import only_run

    run = start('certify', arguments)[0]
    from flan_jax.studies import run_evaluation  # imports TensorFlow, which `start` has silenced

    if not run_evaluation.evaluates(run):
        raise UserError('the run evaluates nothing, so there is nothing to certify; set HELD_OUT or EVAL_TASKS')
    with only_run(run.model_dir):
        certify(run, run_evaluation.eval_set_of(run))


def certify(run: Run, eval_set) -> None:
    """Writes MODEL_DIR/contamination.json, unless it exists already for the same stream and data.

    Raises:
      UserError: if the stream was made with another vocabulary than the run's.
    """
    from flan_jax import manifest
    from flan_jax.distributed import processes

    made = manifest.read(run.model_dir)['stream']
    if made:
        processes.first_does('certificate', lambda: _certify(run, eval_set, made))


def _certify(run: Run, eval_set, made: Mapping[str, Any]) -> None:
    from flan_jax.evaluation import contamination
    from flan_jax.packing.pack import stream_folder
    from flan_jax.packing.stream import PackedStream
    from flan_jax.tokenizers.vocabulary import Vocabulary

    wanted = contamination.made_of(made['fingerprint'], eval_set.datasets, run.data.tfds_data_dir)
    if contamination.read(run.model_dir, wanted) is not None:
        return
    vocabulary = Vocabulary(run.data.vocabulary)
    if vocabulary.fingerprint != made['recipe']['vocabulary']:
        raise UserError(
            f'VOCABULARY={run.data.vocabulary!r} ({vocabulary.fingerprint}): the stream of {run.model_dir} was '
            f'packed with another ({made["recipe"]["vocabulary"]}); set VOCABULARY to that of the run'
        )
    stream = PackedStream(stream_folder(run.stream, made['recipe']))
    found = contamination.of_stream(stream, vocabulary, eval_set.datasets, run.data.tfds_data_dir)
    CONSOLE.print(f'certificate: {contamination.write(run.model_dir, found)}')
