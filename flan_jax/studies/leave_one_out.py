"""Leave-one-cluster-out: the runs of the paper's evaluation, and their progress (FLAN, section 3).

Every cluster has a run that is tuned without it and its related clusters, and then evaluated on it. The base model is
evaluated once; all runs share its records. The runs are independent, so they may be distributed over many machines.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from flan_jax import catalogue
from flan_jax.errors import UserError
from flan_jax.run import Run
from flan_jax.studies.study import BASE, SET_BY_STUDIES, PlannedRun


@dataclasses.dataclass(frozen=True)
class ClusterTable:
    """A table of the paper for which some clusters are held out in turn.

    Attributes:
      id: its name for `flan-jax reproduce`.
      title: the question it answers.
      source: the paper's tables and figures.
      clusters: the clusters; empty for all.
    """

    id: str
    title: str
    source: str
    clusters: tuple[str, ...] = ()

    def runs(
        self, root: str, files: Sequence[str], given: Mapping[str, str], clusters: Sequence[str]
    ) -> list[PlannedRun]:
        """A run for each cluster, or for those in `clusters`; raises UserError for a binding that it sets itself."""
        if clash := [name for name in SET_BY_STUDIES if name in given and name != 'SEED']:
            raise UserError(f'{clash[0]} is set by {self.id}; remove it, and use --clusters instead')
        chosen = chosen_clusters(clusters or self.clusters)
        return [PlannedRun('FLAN', name, 0, tuple(files), {**given, **run_bindings(root, name)}) for name in chosen]


TABLES = {
    table.id: table
    for table in (
        ClusterTable(
            'flan.table1',
            'Generation: each cluster held out in turn',
            'Table 1 and Figure 5, section 3',
            ('translation', 'struct_to_text'),
        ),
        ClusterTable(
            'flan.table2',
            'Understanding: each cluster held out in turn',
            'Table 2 and Figures 1 and 5, section 3',
            (
                'natural_language_inference',
                'reading_comprehension',
                'closed_book_qa',
                'commonsense',
                'sentiment',
                'paraphrase',
                'reading_comprehension_with_commonsense',
                'coreference',
            ),
        ),
        ClusterTable('flan.clusters', 'Each cluster of the catalogue held out in turn', 'Tables 1 and 2, section 3'),
    )
}
"""The studies that hold out clusters in turn, by id."""


def chosen_clusters(names: Sequence[str]) -> list[str]:
    """The clusters to hold out in turn: those named, or the paper's; raises UnknownName."""
    return [catalogue.cluster(name).name for name in names or catalogue.paper_clusters()]


def run_folder(root: str, cluster: str) -> str:
    """MODEL_DIR of the run without `cluster`."""
    return os.path.join(root, cluster)  # not pathlib, which breaks gs:// URLs


def base_folder(root: str) -> str:
    """The folder of the base model's records."""
    return os.path.join(root, BASE)


def run_bindings(root: str, cluster: str) -> dict[str, str]:
    """The bindings that turn the settings of the study in `root` into those of the run without `cluster`."""
    return {
        'MODEL_DIR': run_folder(root, cluster),
        'Evaluation.base_dir': base_folder(root),
        'HELD_OUT': cluster,
        'EVAL_TASKS': '()',  # overrides gin files
    }


def run_without(study: Run, cluster: str) -> Run:
    """The run without `cluster`, from the study's settings."""
    return dataclasses.replace(
        study,
        model_dir=run_folder(study.model_dir, cluster),
        data=dataclasses.replace(study.data, held_out=cluster),
        evaluation=dataclasses.replace(study.evaluation, base_dir=base_folder(study.model_dir), targets=()),
    )
