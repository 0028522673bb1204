"""flan-jax certify: how much of what is evaluated stands in the very stream that a run was trained on."""

from flan_jax.command.start import start
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Certifies the run that the arguments describe."""
    from flan_jax.studies import run_evaluation

    run = start('certify', arguments)[0]
    if not run_evaluation.evaluates(run):
        raise UserError('nothing is evaluated, so there is nothing to certify: set HELD_OUT or EVAL_TASKS')
    certify(run, run_evaluation.eval_set_of(run))


def certify(run: Run, eval_set) -> None:
    """Writes MODEL_DIR/contamination.json, unless it is there and of the same stream and data."""
    import jax

    from flan_jax import manifest
    from flan_jax.evaluation import contamination
    from flan_jax.packing.pack import stream_folder
    from flan_jax.packing.stream import PackedStream
    from flan_jax.tokenizers.vocabulary import Vocabulary

    made = manifest.read(run.model_dir)['stream']
    if jax.process_index() or not made:
        return
    wanted = contamination.made_of(made['fingerprint'], eval_set.datasets, run.data.tfds_data_dir)
    if contamination.read(run.model_dir, wanted) is None:
        stream = PackedStream(stream_folder(run.stream, made['recipe']))
        vocabulary = Vocabulary(run.data.vocabulary)
        found = contamination.of_stream(stream, vocabulary, eval_set.datasets, run.data.tfds_data_dir)
        CONSOLE.print(f'certificate: {contamination.write(run.model_dir, found)}')
