"""Every name in SeqIO's registries stands for a task that works, and none is built before it is needed."""

import re
import subprocess
import sys

import pytest
import seqio

from flan_jax import catalogue
from flan_jax.catalogue.forms import TEMPLATE_COUNTS, in_form
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.members import FORMS, REGISTERED, own_mixtures
from flan_jax.data.preview import rendered_examples
from flan_jax.data.registry import tasks_of
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

LENGTHS = {'inputs': 1024, 'targets': 256}


@pytest.fixture(autouse=True)
def samples(samples_dir):
    seqio.set_tfds_data_dir_override(samples_dir)
    yield
    seqio.set_tfds_data_dir_override(None)


def first(name, split='train'):
    task = seqio.TaskRegistry.get(REGISTERED + name)
    return next(iter(read_examples(task, LENGTHS, split=split, shuffle=False, seed=0).as_numpy_iterator()))


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('name', ['wmt16_translate_roen', 'multirc'])
def test_every_form_of_training_gives_examples(name, form):
    example = first(name + form)
    assert example['inputs'][-1] == example['targets'][-1] == Vocabulary().eos_id
    assert ('shots' in example) == (form == '_few_shot')
    assert seqio.TaskRegistry.get(REGISTERED + name + form).name == REGISTERED + name + form


@pytest.mark.parametrize('name', ['multirc', 'dart'])
def test_every_kind_of_evaluation_task_gives_examples(name):
    """The names of template 1, few-shot ones with two exemplars, and of the first template of each wording."""
    names = [task for task, _ in tasks_of(catalogue.dataset(name), Vocabulary()) if '_template_1' in task]
    names = [task for task in names if '_shot' not in task or re.search('_2(_fixed)?_shot$', task)]
    names += [f'{name}_no_template_template_0', f'{name}_dataset_name_template_0']
    assert len(names) == (5 if name == 'dart' else 9)
    for task in names:
        example = first(task, 'test')
        assert example['inputs'][-1] == example['targets'][-1] == Vocabulary().eos_id
        assert ('shots' in example) == task.endswith('_shot'), task
        assert not task.endswith('_2_shot') or example['shots'] == 2


@pytest.mark.parametrize('dataset', catalogue.DATASETS.values(), ids=lambda dataset: dataset.name)
def test_wordings_show_the_examples_own_text_and_nothing_else(dataset, samples_dir):
    bare, named = in_form(dataset, 'none'), in_form(dataset, 'dataset_name')
    assert len(bare.templates) == len(named.templates) == len({t.variant for t in dataset.forward_templates.values()})
    for template, with_name in zip(bare.templates, named.templates):
        name, _, rest = with_name.inputs.partition('] ')
        assert rest == template.inputs and with_name.targets == template.targets
        assert name.startswith(f'[{dataset.cluster.title}: {dataset.paper_name or dataset.name}')
    (ex,) = rendered_examples(bare, 'test', samples_dir, limit=1)
    for template, (inputs, targets) in zip(bare.templates, ex.prompts):
        assert targets == template.targets.format_map(ex.fields | {'answer': ex.answer}).strip()
        left = inputs
        for value in sorted(ex.fields.values(), key=len, reverse=True):
            left = left.replace(value.strip(), '', 1)
        assert left.strip() == '', f'{template.inputs!r} leaves {left!r}'


def test_translation_names_the_language_to_translate_into():
    prompts = [template.inputs for template in in_form(catalogue.dataset('wmt14_enfr'), 'dataset_name').templates]
    assert prompts == [
        '[Translation: WMT-14 EN/FR to French] {english}',
        '[Translation: WMT-14 EN/FR to English] {foreign}',
    ]


@pytest.mark.parametrize('dataset', catalogue.DATASETS.values(), ids=lambda dataset: dataset.name)
def test_the_first_templates_can_train_by_themselves(dataset):
    for count in TEMPLATE_COUNTS:
        form = in_form(dataset, 'templates', count)
        assert form.templates == dataset.templates[:count] and form.forward_templates
    assert in_form(dataset, 'templates', len(dataset.templates)) is dataset


@pytest.mark.parametrize(
    ('instructions', 'templates'), [('no_template', None), ('template', None), ('templates', 0), ('none', 4)]
)
def test_forms_that_do_not_exist_are_refused(instructions, templates):
    with pytest.raises(UserError):
        in_form(catalogue.dataset('rte'), instructions, templates)


def test_clusters_are_added_in_the_papers_order():
    """FLAN, Figure 6: 11, 20, 26, 30, 34, 37, 39 datasets; it counts nine for translation, of which there are eight."""
    sizes = [len(own_mixtures()[f'flan_first_{n}_clusters']) for n in range(1, 8)]
    wsc273 = 1  # evaluated only
    assert sizes == [11, 19, 25, 29, 33, 36 + wsc273, 38 + wsc273]
    first, last = own_mixtures()['flan_first_1_clusters'], own_mixtures()['flan_first_7_clusters']
    assert {d.cluster.name for d in first} == {'summarization'}
    assert {d.name for d in last} >= {'coqa', 'quac'} and not {d.name for d in last} & {
        'rte',
        'copa',
        'trivia_qa',
        'wic',
    }


def test_mixtures_draw_from_tasks_of_their_form():
    names = {name.removeprefix(REGISTERED) for name in seqio.MixtureRegistry.names()}
    assert {'flan', 'flan_few_shot', 'flan_without_sentiment_few_shot', 'flan_first_4_templates'} <= names
    assert {'flan_without_paraphrase', 'flan_dataset_name', 'flan_first_3_clusters', 'summarization'} <= names
    mixture = seqio.MixtureRegistry.get(f'{REGISTERED}flan_without_commonsense_no_template')
    assert all(task.name.endswith('_no_template') for task in mixture.tasks)
    few_shot, zero_shot = (seqio.MixtureRegistry.get(REGISTERED + name) for name in ('flan_few_shot', 'flan'))
    assert len(few_shot.tasks) == len(zero_shot.tasks)


def test_evaluation_mixtures_have_every_template_of_a_cluster_and_its_metrics():
    """Struct to text has no options, so no option of it can be scored."""
    registered = set(seqio.MixtureRegistry.names())
    assert f'{REGISTERED}struct_to_text_eval' in registered
    assert f'{REGISTERED}struct_to_text_eval_rank' not in registered
    for kind in ('', '_rank'):
        mixture = seqio.MixtureRegistry.get(f'{REGISTERED}reading_comprehension_with_commonsense_eval{kind}')
        names = {task.name.removeprefix(REGISTERED) for task in mixture.tasks}
        datasets = catalogue.datasets_in('reading_comprehension_with_commonsense')
        assert names == {f'{d.name}_template_{i}{kind}' for d in datasets for i in d.forward_templates}
        assert all(task.score_metric_fns if kind else task.predict_metric_fns for task in mixture.tasks)


def test_seqios_evaluator_gives_full_marks_to_the_right_answers():
    name = f'{REGISTERED}copa_template_0'
    converter = seqio.EncDecFeatureConverter(pack=False)
    evaluator = seqio.Evaluator(name, converter, eval_split='test', sequence_length=LENGTHS, num_examples=2)

    def right_answers(examples, **kwargs):
        return [(int(index), ex['decoder_target_tokens'].tolist()) for index, ex in examples.as_numpy_iterator()]

    metrics, _ = evaluator.evaluate(compute_metrics=True, predict_fn=right_answers, score_fn=None)
    score = metrics.result()[name]['accuracy']
    assert getattr(score, 'value', score) == 100


def test_importing_the_catalogue_builds_nothing():
    code = (
        'from flan_jax.command.quiet import import_tensorflow; import_tensorflow()\n'  # in half the time
        'import flan_jax.tasks.registered, seqio, sys\n'
        'providers = seqio.TaskRegistry._REGISTRY | seqio.MixtureRegistry._REGISTRY\n'
        'ours = {name: made for name, made in providers.items() if name.startswith("flan_jax.v1.")}\n'
        'built = [name for name in ours if "_build" not in ours[name].__dict__]\n'
        'assert len(ours) > 5000 and not built, built[:5]\n'
        'assert "t5" not in sys.modules\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_inverted_templates_are_never_evaluated():
    """Ranking the options of a template that gives the answer away would mean nothing."""
    names = {name.removeprefix(REGISTERED) for name in seqio.TaskRegistry.names()}
    for dataset in catalogue.DATASETS.values():
        for index, template in enumerate(dataset.templates):
            for kind in ('', '_rank', '_rank_no_options', '_rank_2_shot', '_2_shot'):
                registered = f'{dataset.name}_template_{index}{kind}' in names
                assert not (registered and template.inverted)
                assert registered or template.inverted or kind
