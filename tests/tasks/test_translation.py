import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.translate import wmt

from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks import translation
from flan_jax.tasks.translation import WMT14_ENFR

by_dataset = pytest.mark.parametrize('dataset', translation.DATASETS, ids=lambda dataset: dataset.name)

PAIRS = {
    'es': ('Spanish', 'Add to basket', 'Añadir a la cesta'),
    'fr': ('French', 'The vote will take place on Thursday at noon.', 'Le vote aura lieu jeudi à midi.'),
    'de': ('German', 'He speaks three languages fluently.', 'Er spricht drei Sprachen fließend.'),
    'tr': ('Turkish', 'I drink tea every morning.', 'Her sabah çay içerim.'),
    'cs': ('Czech', 'The tea is still hot.', 'Čaj je ještě horký.'),
    'fi': ('Finnish', 'The lake froze in December.', 'Järvi jäätyi joulukuussa.'),
    'ro': ('Romanian', 'The book has three hundred pages.', 'Cartea are trei sute de pagini.'),
    'ru': ('Russian', 'Who wrote this novel?', 'Кто написал этот роман?'),
}


def gap_and_word(text):
    values = rendering.read_values(WMT14_ENFR, {'en': tf.constant('Some text.'), 'fr': tf.constant(text)})
    return values['with_gap'].numpy().decode(), values['last_word'].numpy().decode()


@by_dataset
def test_each_direction_shows_one_language_and_asks_for_the_other(dataset, samples_dir):
    code = dataset.languages[1]
    variants = [t.variant for t in dataset.forward_templates.values()]
    assert (variants.count(f'en-{code}'), variants.count(f'{code}-en')) == (5, 3)
    for ex in rendered_examples(dataset, 'test', samples_dir):
        for index, template in dataset.forward_templates.items():
            english, foreign = ex.fields['english'], ex.fields['foreign']
            shown, wanted = (english, foreign) if template.variant == f'en-{code}' else (foreign, english)
            inputs, targets = ex.prompts[index]
            assert shown in inputs and targets == wanted and wanted not in inputs


@by_dataset
def test_inverted_templates_do_not_ask_for_a_sentence_out_of_nothing(dataset, samples_dir):
    for ex in rendered_examples(dataset, 'test', samples_dir):
        (which, language), (gap, word) = (ex.prompts[i] for i, t in enumerate(dataset.templates) if t.inverted)
        assert ex.fields['foreign'] in which and language not in which
        assert ex.fields['english'] in gap and ex.fields['foreign'] not in gap
        assert ex.fields['with_gap'].replace('____', word) == ex.fields['foreign']


@by_dataset
def test_pairs_are_the_right_way_round(dataset, samples_dir):
    language, english, foreign = PAIRS[dataset.languages[1]]
    examples = [
        ex for split in ('train', 'validation', 'test') for ex in rendered_examples(dataset, split, samples_dir)
    ]
    ex = next(ex for ex in examples if ex.fields['english'] == english)
    assert ex.answer == foreign
    assert (f'English: {english}\n{language}:', foreign) in ex.prompts
    assert (f'{foreign}\n\nWhich language is this text in?', language) in ex.prompts


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('La route est fermée.', ('La route est ____.', 'fermée')),
        ('Où est la gare ?', ('Où est la ____ ?', 'gare')),
        ("C'était hier, «\xa0aujourd'hui\xa0».", ("C'était hier, «\xa0____\xa0».", "aujourd'hui")),
        ('Le prix est de 10.000', ('Le prix est de ____', '10.000')),
        ('Merci', ('____', 'Merci')),
    ],
)
def test_the_gap_takes_the_last_word_and_no_punctuation(text, expected):
    assert gap_and_word(text) == expected


@by_dataset
def test_manual_step_names_every_file_that_tfds_will_not_download(dataset, tmp_path):
    builder = tfds.builder(dataset.source, data_dir=tmp_path)
    subsets = [name for names in getattr(builder, 'subsets', {}).values() for name in names]
    code = dataset.languages[1]
    files = [file for name in subsets for file in wmt.DATASET_MAP[name].get_manual_dl_files(code)]
    assert all(file in dataset.manual_step for file in files)
    assert bool(dataset.manual_step) == bool(files)
