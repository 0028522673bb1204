"""Pages of studies in a folder that several share."""

import dataclasses
import json

from flan_jax.command import configuration
from flan_jax.studies.flan import STUDIES
from flan_jax.studies.study_report import write_study


def test_studies_that_share_a_folder_keep_a_page_each(samples_dir, tmp_path):
    given = {'TFDS_DATA_DIR': samples_dir, 'EVAL_LIMIT': '1'}

    def write(name):
        of_all = STUDIES[name]
        study = dataclasses.replace(
            of_all, arms=lambda scale: of_all.arms(scale)[:1], columns={'Commonsense': ('copa',)},
            held_out={'commonsense': ('Commonsense',)},
        )  # fmt: skip
        planned = study.runs('small', str(tmp_path), (), given)
        return write_study(
            tmp_path, study, 'small', [(run, configuration.load(run.files, run.bindings)) for run in planned]
        )

    first = write('flan.figure6')
    assert first == tmp_path / 'report.html'
    before = first.read_bytes()
    second = write('flan.figure11')
    assert second == tmp_path / 'flan.figure11' / 'report.html' and (second.parent / 'figure.svg').exists()
    assert first.read_bytes() == before and write('flan.figure6') == first
    assert json.loads((second.parent / 'report.json').read_text())['id'] == 'flan.figure11'
    assert not (first.parent / 'flan.figure6').exists()
