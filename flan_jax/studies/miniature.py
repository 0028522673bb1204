"""FLAN in miniature: its claims in a synthetic world that two CPU cores can learn (flan_jax.tasks.miniature).

Base models are pretrained first, one for each seed and size, and must have learned the facts that questions ask for;
then every arm tunes one of them. Held out are topics within a family of questions, not kinds of question: a decoder of
this size does not generalise to a kind that is unrelated to those it is tuned on.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence

from flan_jax.catalogue import JOIN
from flan_jax.errors import UserError
from flan_jax.reports.result_lines import model_results
from flan_jax.run import Run
from flan_jax.studies.run_evaluation import eval_set_of, tuned_records
from flan_jax.studies.study import Arm, PlannedRun, Scale, Study

CLOZE_BOUND = 95.0
"""Percentage of the cloze questions of every topic that a base model must answer correctly before it is tuned."""

CLUSTERS_IN_ORDER = ('colour', 'verify', 'drink', 'order')
"""Clusters in the order in which arms with an increasing number of clusters add them."""

SIZES = {
    'width 32': {'DecoderConfig.d_model': '32', 'DecoderConfig.num_heads': '2', 'DecoderConfig.head_dim': '16'},
    'width 64': {'DecoderConfig.d_model': '64', 'DecoderConfig.num_heads': '4', 'DecoderConfig.head_dim': '16'},
}
"""Smaller decoders than that of gin/models/miniature.gin, with feed-forward layers of the same width."""


def mini(names: Iterable[str]) -> str:
    """The names of the miniature's clusters, joined for a binding."""
    return JOIN.join(f'mini_{name}' for name in names)


def _arms(scale: Scale) -> list[Arm]:
    mixture = 'MIXTURE_OR_TASK_NAME'
    by_name = {'Data.instructions': 'dataset_name'}
    return [
        Arm('all clusters', {}),
        *(
            Arm(f'{n} cluster{"s" * (n > 1)}', {mixture: mini(CLUSTERS_IN_ORDER[:n])})
            for n in (1, 2, len(CLUSTERS_IN_ORDER))
        ),
        Arm('no instructions', {'Data.instructions': 'none'}),
        Arm('dataset name', by_name),
        Arm(
            'dataset name, asked by name',
            by_name | {'Evaluation.instructions': 'dataset_name'},
            tuned_as='dataset name',
        ),
        Arm('one template', {'Data.templates_per_dataset': '1'}),
        Arm(
            'few-shot',
            {'Data.shots': '2', 'SHOTS': '(2,)', 'Stream.input_length': '176', 'BATCH_SIZE': '64'},
        ),
        *(Arm(name, bindings) for name, bindings in SIZES.items()),
        Arm('wrong topics', {mixture: mini(['wrong'])}),
    ]


HELD_OUT = ('pet', 'job', 'city')
"""Topics for confirming choices that were made on other topics (the world's group 'confirmation')."""

COLUMNS = {
    'Options': tuple(f'mini_{topic}' for topic in HELD_OUT),
    'Reworded': tuple(f'mini_{topic}_reworded' for topic in HELD_OUT),
    'Written out': tuple(f'mini_{topic}_written' for topic in HELD_OUT),
}
"""Instructions shared with other topics; instructions that no other topic has; and answers without options."""


@dataclasses.dataclass(frozen=True)
class MiniatureStudy(Study):
    """A study that pretrains the base models of its runs.

    Attributes:
      pretraining: gin files of a pretraining run.
      pretraining_steps: number of its steps.
    """

    pretraining: tuple[str, ...] = ('gin/runs/miniature_pretrain.gin',)
    pretraining_steps: int = 400

    def runs(
        self, scale: Scale, root: str, files: Sequence[str], given: Mapping[str, str], seeds: int = 1
    ) -> list[PlannedRun]:
        """As `Study.runs`, preceded by the runs that pretrain the base model of every seed and size."""
        planned = super().runs(scale, root, files, given, seeds)
        bases = {_base_folder(run, root): run for run in planned}
        return [
            *(self._base(run, folder) for folder, run in bases.items()),
            *(self._from_base(run, root) for run in planned),
        ]

    def own_bindings(self, scale: Scale) -> set[str]:
        return super().own_bindings(scale) | {'INITIAL_CHECKPOINT_PATH'}

    def check(self, prepared: Sequence[tuple[PlannedRun, Run]]) -> None:
        """Raises UserError unless every base model of full size has learned the facts that questions ask for.

        Smaller ones are trained on the same text and may know less, which their arms are to show.
        """
        for planned, run in prepared:
            if any(_sizes(name) for name in planned.bindings):
                continue
            if (records := tuned_records(run)) is None:
                raise UserError(f'{planned.name}: no checkpoint in {run.model_dir}')
            for result in model_results(eval_set_of(run), records):
                if result.mean < CLOZE_BOUND:
                    raise UserError(
                        f'{planned.name}: {result.dataset} is {result.mean:.1f} %, below {CLOZE_BOUND}: the base '
                        'model has not learned the facts, so tuning cannot succeed; pretrain it for more steps '
                        'or on more text'
                    )

    def _from_base(self, run: PlannedRun, root: str) -> PlannedRun:
        checkpoint = os.path.join(_base_folder(run, root), 'checkpoints', str(self.pretraining_steps))
        bindings = {**run.bindings, 'INITIAL_CHECKPOINT_PATH': checkpoint}
        return dataclasses.replace(run, bindings=bindings, waits_for=checkpoint)

    def _base(self, run: PlannedRun, folder: str) -> PlannedRun:
        kept = ('TFDS_DATA_DIR', 'VOCABULARY', 'EVAL_LIMIT', 'Stream.directory')
        shared = {name: value for name, value in run.bindings.items() if name in kept or _sizes(name)}
        of_base = {'MODEL_DIR': folder, 'SEED': str(run.seed), 'TRAIN_STEPS': str(self.pretraining_steps)}
        arm = os.path.basename(folder)
        return PlannedRun(arm, '', run.seed, self.pretraining, shared | of_base, prepares=True)


def _base_folder(run: PlannedRun, root: str) -> str:
    size = [value for name, value in sorted(run.bindings.items()) if _sizes(name)]
    return os.path.join(root, f'seed_{run.seed}', '_'.join(('pretrained', *size)))


def _sizes(name: str) -> bool:
    return name.startswith('DecoderConfig.')


MINIATURE = MiniatureStudy(
    id='miniature',
    title='The paper in miniature',
    source='Figures 6 to 9 and 11, in a generated world that a model on two cores can learn',
    arms=_arms,
    held_out={mini(HELD_OUT): tuple(COLUMNS)},
    columns=COLUMNS,
    paper={},
    figure='bars',
    note='Chance is 33 % with options. The story mentions all options, so a model that knows which kind of word is the '
    'answer need not read the story to find them. A generated answer requires reading the story.',
    files={'small': ('gin/runs/miniature.gin',)},
)
