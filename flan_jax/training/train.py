"""The training loop."""

import contextlib
import functools
from collections.abc import Mapping

import jax
from etils import epath
from jax.sharding import Mesh

from flan_jax.distributed.batches import addressed, check_batch, check_replicas, device_batch
from flan_jax.distributed.mesh import make_mesh, parameter_layout, placed
from flan_jax.distributed.preemption import Preempted, termination_noted
from flan_jax.model import decoder
from flan_jax.model.decoder import Params
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import bar
from flan_jax.run import Run
from flan_jax.training import checkpoints
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.monitor import Monitor
from flan_jax.training.program import training_program
from flan_jax.tuning import lora


def train(experiment: Run, stream: PackedStream, metadata: dict, last: int | None = None) -> None:
    """Tunes the model, from the newest checkpoint where there is one, and leaves a checkpoint of the last step.

    Args:
      experiment: what to do.
      stream: the rows to learn from.
      metadata: what the weights belong to, written into every checkpoint.
      last: the last step; None for the experiment's.

    Raises:
      TrainingError: naming step, rows and tasks.
      Preempted: after SIGTERM.
      SettingsError, StreamError, CheckpointError: before work starts.
    """
    training = experiment.training
    last = training.steps if last is None else last
    mesh = make_mesh(experiment.parallelism)
    check_batch(mesh, training.batch_size, training.microbatches)
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(termination_noted(run_ahead=True))
        stack.enter_context(jax.set_mesh(mesh))
        saved = stack.enter_context(checkpoints.Checkpoints(experiment.model_dir, training.keep_checkpoints, metadata))
        program = training_program(
            experiment.model,
            training,
            mesh,
            max_targets=stream.manifest.max_targets,
            num_clusters=len(stream.manifest.clusters),
            lora=experiment.lora,
        )
        saved.require_space(program.layout)
        frozen = initial_params(experiment, program.frozen) if program.frozen else {}
        state = saved.restore(program.layout) or program.start(_first_tuned(experiment, program.layout.params))
        start = int(state.step)
        log = stack.enter_context(MetricsLog(experiment.model_dir, start))
        monitor = Monitor(experiment, stream, log, stack.enter_context(bar('tuning', training.steps, start)))
        indices = addressed(mesh, training.batch_size)

        for done, local in enumerate(stream.batches(start, last, training.batch_size, indices), start=start + 1):
            batch = device_batch(local, indices, mesh, training.batch_size)
            if done == start + 1:
                check_replicas(batch)
            state, metrics = program.step(state, frozen, batch)
            monitor.after_dispatch(done, metrics)
            stops = should_stop()
            if done % training.checkpoint_every == 0 or done == last or stops:
                monitor.catch_up()
                log.flush()
                saved.save(done, state)
            if stops:
                raise Preempted(f'stopped after {done} of {training.steps} steps; start again to go on')


def initial_params(experiment: Run, layout: Mapping[str, jax.ShapeDtypeStruct]) -> Params:
    """The weights a run starts from: those of the initial checkpoint, or fresh ones by seed, laid out as given."""
    if experiment.initial_checkpoint is not None:
        return checkpoints.load_params(experiment.initial_checkpoint, dict(layout))

    def initialise(key):
        params = decoder.initialise(experiment.model, key)
        return {name: value.astype(layout[name].dtype) for name, value in params.items()}

    return _made(initialise, experiment, layout)


def tuned_params(experiment: Run, folder: epath.Path, mesh: Mesh) -> Params:
    """The weights of a run's checkpoint, as the decoder reads them: with LoRA, the base beside the adapter."""
    weights = parameter_layout(experiment.model, mesh, experiment.training.param_dtype)
    if experiment.lora.rank is None:
        return checkpoints.load_params(folder, weights)
    adapter = checkpoints.load_params(folder, placed(lora.adapter_shapes(experiment.model, experiment.lora), mesh))
    return lora.adapted(initial_params(experiment, weights), adapter, experiment.lora.scale)


def _first_tuned(experiment: Run, layout: Mapping[str, jax.ShapeDtypeStruct]) -> Params:
    """What is tuned, before the first step: all weights, or a fresh adapter by seed."""
    if experiment.lora.rank is None:
        return initial_params(experiment, layout)
    return _made(functools.partial(lora.initialise_adapter, layout), experiment, layout)


def _made(initialise, experiment: Run, layout: Mapping[str, jax.ShapeDtypeStruct]) -> Params:
    """What `initialise` makes of the seed's key, laid out as given."""
    shardings = {name: shape.sharding for name, shape in layout.items()}
    return jax.jit(initialise, out_shardings=shardings)(jax.random.key(experiment.training.seed))
