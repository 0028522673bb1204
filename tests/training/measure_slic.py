"""Where SLiC can rank longer answers higher, and where it cannot: the table of docs/preferences.md.

    python -m tests.training.measure_slic

Of two to four answers that one is better which has more words: words drawn at random, or one word again and again. Tiny
decoders, begun with random weights, read each example once. Time: three minutes on one CPU core.
"""

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import jax
import numpy as np

from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.objective import Objective
from flan_jax.objectives.rrhf import Rrhf
from flan_jax.objectives.slic import Slic
from flan_jax.packing.example import Example
from flan_jax.training import metrics_log
from flan_jax.training.program import training_program
from flan_jax.training.reference import reference_of, with_reference
from flan_jax.training.settings import Training
from flan_jax.training.train import Checkpointing, train
from flan_jax.tuning.full import Full
from tests.training import test_reference

STEPS = 300
WORD = 7


@dataclasses.dataclass(frozen=True)
class PerToken(Slic):
    """SLiC with log-probabilities a token in place of sums."""

    def scores(self, log_probs_BxR: jax.Array, lengths_BxR: jax.Array) -> jax.Array:
        return log_probs_BxR / lengths_BxR


OBJECTIVES: dict[str, Objective] = {
    'SLiC': Slic(),
    'SLiC, regularisation 0': Slic(regularisation=0.0),
    'SLiC, margin 10': Slic(margin=10.0),
    'SLiC, log-probabilities a token': PerToken(),
    'RRHF': Rrhf(),
    'DPO, beta 0.5': Dpo(beta=0.5),
}


def more_words(examples: Iterator[Example], one_word: bool) -> Iterator[Example]:
    """Examples of fewer words the other way round; with every word the same, or as they are."""
    for example in examples:
        responses = example.responses
        if one_word:
            responses = tuple(np.append(np.full(len(of) - 1, WORD), test_reference.EOS) for of in responses)
        scores = tuple(-score for score in example.annotations['score'])
        yield dataclasses.replace(example, responses=responses, annotations={'score': scores})


def learned(objective: Objective, one_word: bool, folder: pathlib.Path) -> list[dict]:
    """The lines of a run, each of ten steps."""
    training = Training(batch_size=4, steps=STEPS, learning_rate=0.02, log_every=10, checkpoint_every=STEPS)
    program = training_program(test_reference.CONFIG, objective, Full(), training, test_reference.MESH, ['words'])
    examples = more_words(test_reference.preferences(20 * 4 * STEPS), one_word)
    stream = test_reference.write(folder / 'stream', 4 * STEPS, examples=examples)
    if objective.needs_reference:
        stream = with_reference(stream, reference_of(program, test_reference.base), 4)
    train(program, training, stream, Checkpointing(str(folder / 'run'), test_reference.base, None, {}), STEPS)
    return metrics_log.read(folder / 'run')


def main():
    """Prints a line for each objective: pairs ranked right in the first and in the last ten steps."""
    print('| pairs ranked right, steps 1 to 10, and 291 to 300 | random words | one word again and again |')
    print('|---|---|---|')
    for name, objective in OBJECTIVES.items():
        cells = []
        for one_word in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                lines = learned(objective, one_word, pathlib.Path(folder))
            cells.append(' to '.join(f'{100 * lines[at]["accuracy"]:.0f}' for at in (0, -1)) + ' %')
        print(f'| {name} | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
