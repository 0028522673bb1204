"""PPO training in rounds: sample answers, compute their rewards, train on them; then sample again.

A round is a function of the weights before it, its number and the seed, and checkpoints are written between rounds. So
a killed run resumes bit for bit, and reads the answers that it had sampled from disk.
"""

import contextlib
import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from flan_jax.distributed import processes
from flan_jax.distributed.batches import device_batch, groups
from flan_jax.distributed.preemption import termination_noted
from flan_jax.evaluation.samples import Question
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.sampling import Sampling
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params, hidden_states, log_probs_after
from flan_jax.model.inputs import Inputs
from flan_jax.model.programs import shared_jit
from flan_jax.model.value_head import VALUE_HEAD, response_values
from flan_jax.objectives.objective import Batch
from flan_jax.objectives.ppo import Ppo
from flan_jax.packing.layout import Shape
from flan_jax.progress import bar
from flan_jax.rollouts import rollout as records
from flan_jax.rollouts.batches import TokenOutputs, divergences, lay_out_rollouts, with_advantages
from flan_jax.rollouts.rollout import Reward, Rollout
from flan_jax.settings import SettingsError
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.monitor import TrainingError
from flan_jax.training.program import TrainingProgram
from flan_jax.training.settings import Training
from flan_jax.training.step import TrainState
from flan_jax.training.train import Checkpointing, begin


@dataclasses.dataclass(frozen=True)
class Asked:
    """The models, prompts and sizes of PPO training.

    Attributes:
      reference: the initial policy, to which the KL penalty refers.
      questions: the prompts; rounds take them in a random order by seed, and start again after the last.
      reward: the reward function of answers.
      length: length of a sequence in tokens, which holds a prompt and its answers.
      batch_tokens: slots of the KV cache for sampling.
    """

    reference: LoadedModel
    questions: Sequence[Question]
    reward: Reward
    length: int
    batch_tokens: int = 8192


def steps_per_round(ppo: Ppo, training: Training) -> int:
    """Number of updates in a round.

    Raises:
      SettingsError: unless rounds consist of whole batches, and the run of whole rounds.
    """
    if ppo.prompts % training.batch_size:
        raise SettingsError(f'Ppo.prompts={ppo.prompts} must be a multiple of BATCH_SIZE={training.batch_size}')
    steps = ppo.epochs * ppo.prompts // training.batch_size
    if training.num_steps % steps:
        raise SettingsError(
            f'TRAIN_STEPS={training.steps} must be a multiple of the {steps} updates per round: '
            f'Ppo.epochs={ppo.epochs} times Ppo.prompts={ppo.prompts} by BATCH_SIZE={training.batch_size}'
        )
    return steps


def learn(program: TrainingProgram, training: Training, asked: Asked, checkpointing: Checkpointing) -> Params:
    """Trains to the last step, from the newest checkpoint if there is one; returns the policy without value head.

    Raises:
      SettingsError: if the settings do not fit each other.
      TrainingError: naming the step whose loss is not finite.
      Preempted: after SIGTERM or Ctrl-C.
    """
    per_round = steps_per_round(_ppo(program), training)
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(termination_noted())
        stack.enter_context(jax.set_mesh(program.mesh))
        saved = stack.enter_context(checkpointing.opened(training.keep_checkpoints))
        state, frozen = begin(program, checkpointing, saved, training.seed)
        done = int(state.step)
        state = state if done else _without_values(state)
        log = stack.enter_context(MetricsLog(checkpointing.model_dir, done))
        advance = stack.enter_context(bar('learning', training.steps, done))
        rounds = _Rounds(program, training, asked, checkpointing.model_dir)
        while done < training.num_steps:
            state, scalars = rounds.carry_out(done // per_round, state, frozen)
            due = training.checkpoint_due(done, done + per_round)
            done += per_round
            log.write(done, scalars)
            advance(per_round, f'reward {scalars["reward"]:.3f}, KL {scalars["kl_of_answers"]:.3f}')
            stops = should_stop()
            if due or stops or done == training.steps:
                log.flush()
                saved.save(done, state)
            if stops:
                raise should_stop.stopped(f'stopped after {done} of {training.steps} steps; the checkpoint is saved')
        return {name: value for name, value in state.params.items() if name != VALUE_HEAD}


def _without_values(state: TrainState) -> TrainState:
    """The state with a value head that outputs 0: a random one would dominate the first rewards."""
    return dataclasses.replace(state, params=state.params | {VALUE_HEAD: state.params[VALUE_HEAD] * 0})


def _ppo(program: TrainingProgram) -> Ppo:
    objective = program.learning.objective
    assert isinstance(objective, Ppo), 'no other objective has rounds'
    return objective


class _Rounds:
    """Carries out rounds of one run."""

    def __init__(self, program: TrainingProgram, training: Training, asked: Asked, model_dir: str):
        self._program, self._training, self._asked, self._model_dir = program, training, asked, model_dir
        self._ppo = _ppo(program)
        self._generator = Generator(
            asked.reference,
            max_new_tokens=self._ppo.max_new_tokens,
            batch_tokens=asked.batch_tokens,
            decoding=Sampling(processors=(Temperature(self._ppo.temperature),)),
            seed=training.seed,
        )
        learning = program.learning
        token_outputs = functools.partial(_token_outputs, learning.config, learning.execution, self._ppo.temperature)
        self._token_outputs = shared_jit(token_outputs, out_shardings=NamedSharding(program.mesh, PartitionSpec()))

    def carry_out(self, number: int, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state after a round, and the metrics to log."""
        program, ppo = self._program, self._ppo
        params = program.learning.tuning.combine(frozen, state.params)
        rollouts = self._rollouts(number, params)
        shape = Shape(self._training.batch_size, self._asked.length, ppo.answers * ppo.max_new_tokens)
        batches = lay_out_rollouts(rollouts, shape, self._training.microbatches * groups(program.mesh))
        placed = [self._place(batch.arrays) for batch in batches]
        outputs = [
            TokenOutputs(*map(np.array, self._token_outputs(params, self._asked.reference.params, batch)))
            for batch in placed
        ]
        ready = [self._place(batch) for batch in with_advantages(ppo, batches, outputs)]
        sums: dict[str, np.ndarray] = {}
        for epoch in range(ppo.epochs):
            for index in np.random.default_rng([self._training.seed, number, epoch]).permutation(len(ready)):
                state, metrics = program.step(state, frozen, ready[index])
                for name, metric in metrics.objective.items():
                    sums[name] = sums.get(name, 0) + np.asarray(metric, np.float64)
        means = {name: total / count for name, (total, count) in sums.items()}
        if not all(map(np.isfinite, means.values())):
            raise TrainingError(
                f'round {number}, before step {int(state.step)}: {means}; the checkpoint before is valid'
            )
        return state, means | _told(rollouts, divergences(batches, outputs))

    def _rollouts(self, number: int, params: Params) -> list[Rollout]:
        """The rollouts of a round: from disk if the first process finds them there, else sampled."""
        if processes.broadcast_from_first(records.exists(self._model_dir, number)):
            found = records.read(self._model_dir, number)
            assert found is not None, 'processes share MODEL_DIR'
            return found
        return self._draw(number, params)

    def _draw(self, number: int, params: Params) -> list[Rollout]:
        questions = round_questions(self._asked.questions, number, self._ppo.prompts, self._training.seed)
        actor = {name: value for name, value in params.items() if name != VALUE_HEAD}
        generator = self._generator.with_params(actor)
        answered, examples = records.draw(self._asked.reference, generator, questions, self._ppo.answers, number)
        rewards = self._asked.reward(answered, examples)
        scored = zip(answered, examples, rewards)
        rollouts = [Rollout(answer, example, tuple(map(float, of))) for answer, example, of in scored]
        if jax.process_index() == 0:
            records.write(self._model_dir, number, rollouts)
        return rollouts

    def _place(self, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
        columns = self._program.learning.tuning.columns(batch, ())
        size = len(batch['tokens'])
        return device_batch(columns, np.arange(size), self._program.mesh, size)


def _token_outputs(
    config: DecoderConfig, execution: Execution, temperature: float, params: Params, reference: Params, batch: Batch
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Log-probabilities and values by `params`, log-probabilities by the reference, float32 [B, P] each."""
    hidden, of_reference = (hidden_states(config, of, Inputs.of(batch), execution) for of in (params, reference))
    values = response_values(params, hidden, batch['response_ends'])
    log_probs, reference_log_probs = (
        log_probs_after(config, of, states, batch, temperature)
        for of, states in ((params, hidden), (reference, of_reference))
    )
    return log_probs, values, reference_log_probs


def round_questions(questions: Sequence[Question], number: int, count: int, seed: int) -> list[Question]:
    """The questions of a round: each epoch over all questions has a random order of its own by seed."""
    places = range(number * count, (number + 1) * count)
    epochs = sorted({place // len(questions) for place in places})
    orders = {epoch: np.random.default_rng([seed, epoch]).permutation(len(questions)) for epoch in epochs}
    return [questions[orders[place // len(questions)][place % len(questions)]] for place in places]


def _told(rollouts: Sequence[Rollout], divergences: Sequence[float]) -> dict[str, float]:
    rewards = [reward for rollout in rollouts for reward in rollout.rewards]
    lengths = [len(response) for rollout in rollouts for response in rollout.example.responses]
    return {
        'reward': float(np.mean(rewards)),
        'answer_tokens': float(np.mean(lengths)),
        'kl_of_answers': float(np.mean(divergences)),
    }
