"""flan-jax tasks: what people see, what programs read, and what is refused."""

import json
import re

import pytest

from flan_jax import catalogue
from flan_jax.command import main


def run(capsys, *arguments):
    status = main.main(['tasks', *arguments])
    return status, capsys.readouterr()


def test_a_list_in_a_pipe_has_one_line_per_dataset(samples_dir, capsys):
    status, printed = run(capsys, 'list', f'--data_dir={samples_dir}')
    assert status == 0
    lines = printed.out.splitlines()
    for dataset in catalogue.DATASETS.values():
        (line,) = (line for line in lines if line.split()[:2] == [dataset.name, dataset.source])
        assert dataset.licence in line and ', '.join(dataset.metrics) in line


def test_licences_name_every_dataset(capsys):
    lines = run(capsys, 'licences')[1].out.splitlines()
    assert len(lines) == 1 + len(catalogue.DATASETS)
    assert all(dataset.licence in line for dataset, line in zip(catalogue.DATASETS.values(), lines[1:]))


def test_few_shot_prompts_are_shown_part_by_part(samples_dir, capsys):
    status, printed = run(capsys, 'show', 'rte', f'--data_dir={samples_dir}', '--template=1', '--shots=2', '--n=1')
    assert status == 0 and 'template 1, 2 of 2 exemplars fit' in printed.out
    assert printed.out.count('OPTIONS:') == 3 and 'tokens in total' in printed.out


def test_a_pipe_tells_prompts_from_responses_without_colours(samples_dir, capsys):
    status, printed = run(capsys, 'show', 'rte', f'--data_dir={samples_dir}', '--template=1', '--n=2')
    kept = re.findall(r'^(prompt|response) \((\d+) of \2 tokens\):$', printed.out, re.MULTILINE)
    assert status == 0 and [part for part, _ in kept] == ['prompt', 'response'] * 2


def test_verify_counts_rows_and_takes_samples_for_what_is_missing(tmp_path, capsys):
    status, printed = run(capsys, 'verify', 'rte', 'snli', 'copa', f'--data_dir={tmp_path}')
    assert status == 0
    table = [line.split('  ') for line in printed.out.splitlines()]
    *clusters, total = ([cell.strip() for cell in line if cell.strip()] for line in table[1:])
    assert [cluster[0] for cluster in clusters] == ['Natural language inference', 'Commonsense']
    assert total[:5] == ['all', '3', '30', '6', '0'] and int(total[5]) > 30
    assert total[6] == '2'  # SNLI's samples without a label


def test_lengths_say_what_is_cut_of_each_dataset(samples_dir, capsys):
    """Of a sentence that is to be translated nothing is cut, so that it is dropped where it is too long."""
    names = ('wmt16_translate_deen', 'cnn_dailymail')
    lengths = ('--input_length=30', '--target_length=48')
    status, printed = run(capsys, 'lengths', *names, f'--data_dir={samples_dir}', '--limit=8', *lengths)
    assert status == 0
    lines = {line.split('  ')[0].strip(): line for line in printed.out.splitlines()[1:]}
    shares = {name: [float(share) for share in re.findall(r'([\d.]+) %', line)] for name, line in lines.items()}
    shortened, _, targets_cut, tokens_cut = shares['cnn_dailymail']
    assert shortened > 0 and tokens_cut > targets_cut > 0
    assert shares['wmt16_translate_deen'][0] == 0 < shares['wmt16_translate_deen'][1]
    assert 0 < shares['all, weighted by mixing rate'][2] < targets_cut


def test_export_names_what_is_missing_and_can_go_on_without_it(samples_dir, tmp_path, capsys):
    import shutil

    partial = tmp_path / 'partial'
    shutil.copytree(f'{samples_dir}/glue/sst2', partial / 'glue' / 'sst2')
    arguments = ['export', 'sentiment', f'--data_dir={partial}', f'--output={tmp_path}/examples.jsonl', '--limit=2']
    status, printed = run(capsys, *arguments)
    assert status == 2 and 'flan-jax data download imdb_reviews' in printed.err and '--allow_missing' in printed.err
    assert not list(tmp_path.glob('*.jsonl'))
    assert run(capsys, *arguments, '--allow_missing')[0] == 0
    examples = [json.loads(line) for line in (tmp_path / 'examples.jsonl').read_text().splitlines()]
    assert {ex['dataset'] for ex in examples} == {'sst2'} and len(examples) == 2 * 10


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['show', 'rtee'], "unknown dataset 'rtee'"),
        (['show', 'rte', '--template=10'], 'rte has templates 0 to 9; --template=10'),
        (['show', 'rte', '--shots=17'], 'from 0 to 16 exemplars'),
        (['show', 'wsc273', '--split=test', '--shots=2'], "wsc273 has no 'train' examples"),
        (['export', 'sentimental', '--output=x'], "unknown mixture 'sentimental'"),
        (['export', 'wsc273', '--output=x'], 'has no training examples'),
        (['export', 'rte', '--output=tests'], "--output='tests' is a folder"),
        (['show', 'rte', '--mask', '--html=tests'], "--html='tests' is a folder"),
        (['lengths', 'rte', '--limit=0'], '--limit=0: must be above 0'),
        (['lengths', 'rte', '--input_length=-1'], '--input_length=-1: must be above 0'),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, message, samples_dir, capsys):
    status, printed = run(capsys, *arguments, f'--data_dir={samples_dir}')
    assert status == 2 and message in printed.err


def test_the_mixture_table_adds_up(samples_dir, tmp_path, capsys):
    gin = tmp_path / 'small.gin'
    gin.write_text(
        "include 'gin/runs/flan2022.gin'\nflan2021/Part.mixture = 'trec+rte'\nHELD_OUT = None\nEVAL_TASKS = ('trec',)\n"
    )
    status, printed = run(capsys, 'mixture', f'--gin_file={gin}', f'--gin.TFDS_DATA_DIR={samples_dir}')
    assert status == 0
    header, *lines = (line.split() for line in printed.out.splitlines())
    assert header[:5] == ['part', 'dataset', 'share', 'zero-shot', 'few-shot']
    share = {(line[0], line[1]): float(line[2]) for line in lines}
    parts = [name for name, dataset in share if dataset == 'together' and name != 'all']
    assert parts == ['flan2021', 'chain_of_thought', 'dialogue'] and share['all', 'together'] == 100
    for part, weight in zip(parts, (0.40, 0.05, 0.03)):
        assert share[part, 'together'] == pytest.approx(100 * weight / 0.48, abs=0.01)
        each = [percent for (name, dataset), percent in share.items() if name == part and dataset != 'together']
        assert sum(each) == pytest.approx(share[part, 'together'], abs=0.05)


def test_only_the_mixture_takes_bindings(capsys):
    with pytest.raises(SystemExit):
        run(capsys, 'list', '--gin.HELD_OUT=sentiment')
    assert '--gin.HELD_OUT=sentiment' in capsys.readouterr().err


def test_no_rows_cannot_be_verified(capsys):
    status, printed = run(capsys, 'verify', '--limit=0')
    assert status == 2 and '--limit=0: must be above 0' in printed.err
