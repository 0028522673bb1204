"""The Instruction Following Score during tuning: made from a run's settings, and checked before work starts."""

import pathlib
from collections.abc import Mapping, Sequence

from flan_jax.errors import UserError
from flan_jax.run import Run
from flan_jax.training.probe import NO_PROBE, Probe
from flan_jax.training.settings import Training

CLASSIFIER = 'classifier'
"""Folder of the classifier in that of the data."""


def asked_of(run: Run):
    """The questions, with a model that has no weights yet to answer them; None if the run measures no score.

    Raises:
      UserError: if instructions or classifier are missing, or MODEL_DIR holds the curve of other questions.
    """
    if run.ifs_curve is None:
        return None
    from flan_jax.distributed.processes import first_does
    from flan_jax.evaluation.instruction_following import objecqa
    from flan_jax.evaluation.instruction_following.asked import Asked
    from flan_jax.evaluation.instruction_following.classifier import load
    from flan_jax.inference.generation import Generator

    data = pathlib.Path(run.ifs_curve.data)
    rows = instructions_in(data)[: run.ifs_curve.instructions]
    classifier = load(data / CLASSIFIER)
    model = _model_without_weights(run)
    asked = Asked(
        model=model,
        generator=Generator(
            model,
            max_new_tokens=run.ifs_curve.max_new_tokens,
            batch_tokens=run.evaluation.batch_tokens,
            decoding=run.evaluation.decoding,
            seed=run.training.seed,
        ),
        classifier=classifier,
        prompts=[row['prompt'] for row in rows],
        kinds=[row['kind'] for row in rows],
        choices=objecqa.questions()[: run.ifs_curve.choices],
        input_length=run.stream.input_length,
    )
    first_does('the curve of the Instruction Following Score', lambda: _require_same(run, asked))
    return asked


def probe_of(run: Run, asked, training: Training, stream) -> Probe:
    """The probe of a run, given its training settings and stream; `asked` is what `asked_of` returns."""
    if asked is None or run.ifs_curve is None:
        return NO_PROBE
    from flan_jax.evaluation.instruction_following.curve import Curve

    per_sequence = sum(stream.manifest.examples) / len(stream)
    return Curve(run.ifs_curve, asked, run.model_dir, training.num_steps, per_sequence * training.batch_size)


def instructions_in(data: pathlib.Path) -> list[Mapping]:
    """The instructions of a folder that `ifs data` wrote, each with prompt and kind; raises UserError."""
    path = data / 'instructions.jsonl'
    if not path.is_file():
        raise UserError(f'{path}: no such file; `flan-jax ifs data FILE --output={data}` writes it')
    rows = rows_of(path, ('prompt', 'kind'))
    if not rows:
        raise UserError(f'{path}: holds no instructions; `flan-jax ifs data` writes them')
    return rows


def rows_of(path: pathlib.Path, keys: Sequence[str]) -> list[Mapping]:
    """The rows of a file, each with these keys; raises UserError."""
    from flan_jax.data.example_files import read_file

    rows = []
    for where, row in read_file(path):
        if missing := [key for key in keys if key not in row]:
            raise UserError(f'{where}: {missing[0]!r} is missing; each line has {", ".join(keys)}')
        rows.append(row)
    return rows


def _model_without_weights(run: Run):
    from flan_jax.distributed.mesh import make_mesh
    from flan_jax.distributed.placement import Placement
    from flan_jax.inference.loaded import LoadedModel
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.program import execution_of, platform_of

    mesh = make_mesh(run.parallelism)
    return LoadedModel(
        config=run.model,
        params={},
        vocabulary=Vocabulary(run.data.vocabulary),
        prompt_format=run.prompt_format,
        execution=execution_of(run.training.dtype, platform_of(mesh)),
        placement=Placement(mesh),
    )


def _require_same(run: Run, asked) -> None:
    """Raises UserError where MODEL_DIR holds the answers to other questions, or those of another judge."""
    from etils import epath

    from flan_jax.evaluation.instruction_following.curve import FOLDER
    from flan_jax.evaluation.samples import require_same
    from flan_jax.settings import as_plain, fingerprint

    assert run.ifs_curve is not None, 'asked for'
    made_of = {
        'questions': fingerprint([list(asked.prompts), list(asked.kinds), [c.question for c in asked.choices]]),
        'classifier': asked.classifier.fingerprint,
        'max_new_tokens': run.ifs_curve.max_new_tokens,
        'decoding': as_plain(run.evaluation.decoding),
    }
    require_same(epath.Path(run.model_dir) / FOLDER, made_of)
