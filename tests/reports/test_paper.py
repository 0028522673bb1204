"""The paper's printed results, against the catalogue and against the paper's own means."""

import pytest

from flan_jax import catalogue
from flan_jax.reports.paper import PAPER, paper_result


def test_the_papers_datasets_are_named_as_in_the_catalogue():
    known = {f'{d.name} {t.variant}'.strip() for d in catalogue.DATASETS.values() for t in d.forward_templates.values()}
    assert set(PAPER) <= known
    assert len(PAPER) == 47


def test_few_shot_scores_of_the_paper_stand_in_place_of_zero_shot_ones():
    assert paper_result('cb', 0) == PAPER['cb'] and paper_result('cola', 2) is None
    few_shot = paper_result('cb', 4)
    assert (few_shot.base, few_shot.mean, few_shot.std, few_shot.best_dev) == (34.4, 82.6, 4.4, None)
    assert paper_result('wsc273', 4) is None  # it has no exemplars


def test_cluster_means_of_the_paper():
    """FLAN, Figure 1: recomputed from the lines above, so that a mistyped one shows."""

    def mean(*names):
        return sum(PAPER[name].mean for name in names) / len(names)

    assert mean('anli_r1', 'anli_r2', 'anli_r3', 'cb', 'rte') == pytest.approx(56.2, abs=0.05)
    assert mean('bool_q', 'multirc', 'openbookqa') == pytest.approx(77.4, abs=0.05)
    assert mean('arc_easy', 'arc_challenge', 'natural_questions', 'trivia_qa_wiki') == pytest.approx(56.6, abs=0.05)
    assert mean('copa', 'hellaswag', 'piqa', 'story_cloze') == pytest.approx(80.0, abs=0.05)
    assert mean('definite_pronoun_resolution', 'winogrande') == pytest.approx(63.8, abs=0.05)
    translation = [name for name in PAPER if name.startswith('wmt')]
    assert mean(*translation) == pytest.approx(31.0, abs=0.05)
