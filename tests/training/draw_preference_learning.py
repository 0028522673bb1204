"""docs/preference_learning.svg: how reward, DPO and PPO learn the small tasks that the tests hold them to.

    python -m tests.training.draw_preference_learning

Reward and DPO: of two to four answers of random words the one with fewer words is better; no example comes twice, so
that every step is rated before it is learned from. PPO: an answer of fewer letters is worth more. Tiny decoders,
begun with random weights. Time: one minute on one CPU core.
"""

import pathlib
import tempfile

from matplotlib import pyplot as plt

from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.reward import Reward
from flan_jax.reports.charts import COLOURS, WIDTH, svg_of
from flan_jax.training import metrics_log
from flan_jax.training.initial import fresh_head
from flan_jax.training.program import training_program
from flan_jax.training.reference import reference_of, with_reference
from flan_jax.training.train import Checkpointing, train
from flan_jax.tuning.full import Full
from tests.rollouts import test_learn
from tests.training.test_preferences_learned import STEPS, TRAINING
from tests.training.test_reference import CONFIG, MESH, base, write

FILE = pathlib.Path(__file__).parents[2] / 'docs' / 'preference_learning.svg'


def curve(objective, folder):
    """The lines of a run of an objective on rankings."""
    program = training_program(CONFIG, objective, Full(), TRAINING, MESH, ['words'])
    stream = write(folder / 'stream', TRAINING.batch_size * STEPS)
    if objective.needs_reference:
        stream = with_reference(stream, reference_of(program, base), TRAINING.batch_size)

    def weights(layout):
        head = {name: shape for name, shape in layout.items() if name == VALUE_HEAD}
        return base({name: shape for name, shape in layout.items() if name not in head}) | fresh_head(CONFIG, 0, head)

    train(program, TRAINING, stream, Checkpointing(str(folder / 'run'), weights, None, {}), STEPS)
    return metrics_log.read(folder / 'run')


def plot(axes, lines, name, factor, colour, **style):
    """One metric by step."""
    axes.plot([line['step'] for line in lines], [factor * line[name] for line in lines], lw=2, color=colour, **style)


def draw(rankings, rollouts):
    """Three panels: pairs ranked right, margins, and the reward of answers with their divergence."""
    figure, panels = plt.subplots(1, 3, figsize=(1.5 * WIDTH, 2.9))
    for label, lines in rankings.items():
        colour = COLOURS['tuned'] if label == 'DPO' else COLOURS['paper']
        plot(panels[0], lines, 'accuracy', 100, colour, label=label)
        plot(panels[1], lines, 'margin', 1, colour, label=label)
    panels[0].axhline(90, ls='--', lw=1, color=COLOURS['chance'])
    panels[0].set_ylabel('pairs ranked right, %')
    panels[1].set_ylabel('margin of rewards')
    plot(panels[2], rollouts, 'reward', 1, COLOURS['tuned'], label='reward of answers')
    plot(panels[2], rollouts, 'kl_of_answers', 1, COLOURS['base'], label='KL from the start, nats')
    panels[2].set_ylabel('PPO')
    for axes in panels:
        axes.set_xlabel('step')
        axes.legend(frameon=False, fontsize=8)
    return svg_of(figure)


def main():
    """Learns, draws and says what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rankings = {name: curve(of, folder / name) for name, of in (('reward', Reward()), ('DPO', Dpo(beta=0.5)))}
        test_learn.run(folder / 'ppo')
        FILE.write_text(draw(rankings, metrics_log.read(folder / 'ppo')) + '\n')
    for name, lines in rankings.items():
        print(f'{name}: accuracy {lines[0]["accuracy"]:.2f} to {lines[-1]["accuracy"]:.2f}')
    print(f'wrote {FILE}, {FILE.stat().st_size:,} bytes')


if __name__ == '__main__':
    main()
