"""flan-jax ppo: learn from rewards of the model's own answers."""

import pathlib

from etils import epath

from flan_jax.command import configuration
from flan_jax.command.start import start
from flan_jax.command.starting_weights import check_weights
from flan_jax.command.train import check_vocabulary
from flan_jax.errors import UserError
from flan_jax.files import absolute
from flan_jax.objectives.ppo import Ppo
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Learns as the run that the arguments describe."""
    ppo(*start('ppo', arguments))


def ppo(run: Run, command: str) -> None:
    """Learns to the end, going on where it was stopped; leaves the model in MODEL_DIR/policy.

    Raises:
      UserError: for a run with another objective, or without what learning begins with; if another run is in MODEL_DIR.
    """
    from flan_jax.distributed.lock import only_run

    ppo = _check(run)
    with only_run(run.model_dir):
        _ppo(run, ppo, command)


def _ppo(run: Run, ppo: Ppo, command: str) -> None:
    import jax

    from flan_jax import manifest
    from flan_jax.distributed import processes
    from flan_jax.evaluation import samples
    from flan_jax.evaluation.scorers import require_references
    from flan_jax.rollouts.rollout import FOLDER
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training import checkpoints
    from flan_jax.training.weights import require_base_as_before

    require_base_as_before(run.model_dir, str(run.initial_checkpoint))  # what is learned stays near it
    vocabulary = Vocabulary(run.data.vocabulary)
    questions = samples.read_questions(pathlib.Path(str(ppo.questions)), {})
    require_references(ppo.reward, questions)
    _check_lengths(run, ppo, vocabulary, questions)
    asked = _asked(run, ppo, questions, vocabulary)
    made_of = {'questions': len(questions), 'questions_fingerprint': samples.fingerprint(questions)}
    made_of |= _reward_weights(ppo.reward)
    folder, drawn_by = epath.Path(run.model_dir) / FOLDER, made_of | manifest.trained_by(run)
    processes.first_does('ppo', lambda: samples.require_same(folder, drawn_by, unsaid=('reward_weights',)))
    manifest.write(run.model_dir, manifest.make(run, command=command, gin_text=configuration.resolved()))
    metadata = _metadata(run, vocabulary)
    params = _learn(run, asked, metadata)
    policy = policy_folder(run.model_dir)
    if jax.process_index() == 0 and policy.exists():
        policy.rmtree()
    processes.broadcast_from_first(None)  # nobody writes before it is gone
    checkpoints.save_params(policy, params, metadata)
    CONSOLE.print(f'{policy} holds the model; `flan-jax generate --checkpoint={policy}` asks it')


def policy_folder(model_dir: epath.PathLike) -> epath.Path:
    """Folder of the language model that was learned; it has no value head, so that it can be used as any."""
    from flan_jax.loaded_model import POLICY

    return absolute(model_dir) / POLICY


def _check(run: Run) -> Ppo:
    """The objective, for a run that can learn by it; raises UserError for any other."""
    from flan_jax.rollouts.learn import steps_per_round

    if not isinstance(run.objective, Ppo):
        raise UserError(f'Run.objective=@{type(run.objective).__name__}() learns from data; use `flan-jax train`')
    if run.objective.questions is None:
        raise UserError('Ppo.questions is None; name a file of prompts, JSON lines with "prompt"')
    if run.initial_checkpoint is None:
        raise UserError('INITIAL_CHECKPOINT_PATH is None; name the tuned model that learning begins with')
    if run.training.steps is None:
        raise UserError(
            f'Stream.epochs={run.stream.epochs} counts readings of data, and rounds read their own answers; set '
            'TRAIN_STEPS, and Stream.epochs to None'
        )
    steps_per_round(run.objective, run.training)
    check_vocabulary(run)
    check_weights(run)
    return run.objective


def _check_lengths(run: Run, ppo: Ppo, vocabulary, questions) -> None:
    """Raises UserError for questions that are too long, or a sequence too short for one with its answers."""
    stream = run.stream
    needed = stream.input_length + ppo.answers * ppo.max_new_tokens
    if needed > stream.sequence_length:
        raise UserError(
            f'SEQUENCE_LENGTH={stream.sequence_length}: a prompt of Stream.input_length={stream.input_length} tokens '
            f'and Ppo.answers={ppo.answers} of Ppo.max_new_tokens={ppo.max_new_tokens} need {needed}; change one'
        )
    for question in questions:
        tokens = len(run.prompt_format.encode_prompt(vocabulary, question.prompt))
        if tokens > stream.input_length:
            raise UserError(
                f'the prompt {question.prompt[:60]!r} has {tokens} tokens; raise Stream.input_length='
                f'{stream.input_length}, or leave it out'
            )


def _asked(run: Run, ppo: Ppo, questions, vocabulary):
    """What is asked of the model that learning begins with."""
    from flan_jax.loaded_model import load
    from flan_jax.rollouts.learn import Asked
    from flan_jax.rollouts.rewards import reward_called

    batch_tokens = run.evaluation.batch_tokens
    reward = reward_called(ppo.reward, vocabulary, run.prompt_format, run.parallelism, batch_tokens)
    reference = load(
        run.initial_checkpoint,
        vocabulary=str(vocabulary.path),
        parallelism=run.parallelism,
        dtype=run.training.dtype,
        param_dtype=run.training.param_dtype,  # rounded as what learns is, or they would differ from the start
        prompt_format=run.prompt_format,
    )
    return Asked(reference, questions, reward, run.stream.sequence_length, batch_tokens)


def _reward_weights(reward: str) -> dict[str, str]:
    """What stands for the weights of the reward model in a folder, which may hold others when a run goes on."""
    from flan_jax.evaluation.model_identity import model_identity
    from flan_jax.settings import fingerprint

    return {'reward_weights': fingerprint(model_identity(reward))} if epath.Path(reward).is_dir() else {}


def _learn(run: Run, asked, metadata):
    """The trained parameters without the value head."""
    from flan_jax.distributed.mesh import make_mesh
    from flan_jax.rollouts.learn import learn
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.initial import base_weights
    from flan_jax.training.program import training_program
    from flan_jax.training.train import Checkpointing

    program = training_program(
        run.model, run.objective, run.tuning, run.training, make_mesh(run.parallelism), ('rollouts',)
    )
    base = base_weights(run.model, run.initial_checkpoint, run.training.seed)
    checkpointing = Checkpointing(run.model_dir, base, Vocabulary(run.data.vocabulary).encode, metadata)
    return learn(program, run.training, asked, checkpointing)


def _metadata(run: Run, vocabulary) -> dict:
    """What every checkpoint says of its weights."""
    from flan_jax.settings import as_plain
    from flan_jax.training import checkpoints
    from flan_jax.training.weights import BASE_WEIGHTS

    return {
        'model': as_plain(run.model),
        'vocabulary': vocabulary.fingerprint,
        'vocabulary_path': run.data.vocabulary,
        'prompt_format': run.prompt_format.recipe,
        'objective': as_plain(run.objective),
        'tuning': as_plain(run.tuning),
        'base': run.initial_checkpoint,
        BASE_WEIGHTS: checkpoints.weights_digest(run.initial_checkpoint),
    }
