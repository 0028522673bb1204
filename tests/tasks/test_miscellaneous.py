"""Regression tests for defects of the original code in this cluster, and spot checks of the labels by hand."""

import pytest
import tensorflow as tf

from flan_jax.catalogue import splits
from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples
from flan_jax.metrics.metrics import Judgement, judge
from flan_jax.tasks.miscellaneous import (
    COLA,
    COQA,
    DATASETS,
    FIX_PUNCT,
    MATH,
    QUAC,
    TREC,
    TRUE_CASE,
    WIC,
    WORD_SEGMENT,
)


def decode(value):
    return value.decode() if isinstance(value, bytes) else [decode(item) for item in value]


def read(dataset, ex):
    """What templates and judges may need of a hand-made example, in plain Python."""
    values = rendering.read_values(dataset, tf.nest.map_structure(tf.constant, ex))
    return {name: decode(value.numpy()) for name, value in values.items() if value.dtype == tf.string}


def usable(dataset, ex):
    return bool(dataset.keep.test(tf.nest.map_structure(tf.constant, ex)))


def answers_by_field(dataset, data_dir, split, field):
    return {ex.fields[field]: ex.answer for ex in rendered_examples(dataset, split, data_dir)}


def dialogue(*turns):
    questions, answers = zip(*turns)
    starts = [0] * len(turns)
    answers = {'input_text': list(answers), 'answer_start': starts, 'answer_end': starts}
    return {
        'source': 'mctest',
        'story': 'Bo has a dog. \n\nIt is old.',
        'questions': list(questions),
        'answers': answers,
    }


def quac_example(answer, references):
    return {
        'title': 'Bridge',
        'section_title': 'Opening',
        'background': 'A bridge.',
        'context': 'It opened in 1887, in the rain. CANNOTANSWER',
        'question': 'when did it open?',
        'orig_answer': {'text': answer},
        'answers': {'text': references},
    }


def test_coqa_asks_one_question_after_the_dialogue_before_it():
    row = dialogue((' Who has a dog?', 'Bo '), ('Is it young?', 'no'), ('What is it then?', 'old'))
    turns = COQA.expand(tf.nest.map_structure(tf.constant, row))
    first, _, last = (read(COQA, {name: values[turn] for name, values in turns.items()}) for turn in range(3))
    assert (first['history'], first['question'], first['answer']) == ('', 'Who has a dog?', 'Bo')
    assert last['history'] == 'Q: Who has a dog?\nA: Bo\nQ: Is it young?\nA: no\n'
    assert (last['question'], last['answer'], last['references']) == ('What is it then?', 'old', ['old'])
    assert first['story'] == last['story'] == 'Bo has a dog.\n\nIt is old.'


@pytest.mark.parametrize('dataset', [COQA, QUAC], ids=lambda dataset: dataset.name)
def test_coqa_and_quac_answers_are_judged_as_whole_texts(dataset, samples_dir):
    examples = list(rendered_examples(dataset, 'test', samples_dir))
    right = [Judgement(prediction=ex.answer, references=ex.references) for ex in examples]
    single_letters = [Judgement(prediction=ex.answer[0], references=ex.references) for ex in examples]
    assert judge(dataset.metrics, right)['f1'] == 100
    assert judge(dataset.metrics, single_letters)['f1'] == 0


def test_quac_mark_of_open_questions_is_in_no_prompt(samples_dir):
    examples = list(rendered_examples(QUAC, 'test', samples_dir))
    assert 'CANNOTANSWER' not in str([ex.prompts for ex in examples])
    assert {ex.answer == 'unanswerable' for ex in examples} == {True, False}


def test_quac_open_question_is_unanswerable():
    ex = read(QUAC, quac_example('CANNOTANSWER', ['CANNOTANSWER', 'CANNOTANSWER']))
    assert ex['text'] == 'It opened in 1887, in the rain.'
    assert (ex['answer'], ex['references']) == ('unanswerable', ['unanswerable', 'unanswerable'])


def test_quac_spans_lose_only_the_loose_marks_at_their_ends():
    ex = read(QUAC, quac_example('in 1887,', ['. It opened in 1887, (', '.22 inches.', '"Bury Your Head"']))
    assert ex['answer'] == 'in 1887'
    assert ex['references'] == ['It opened in 1887', '.22 inches.', '"Bury Your Head"']


def test_quac_forward_templates_say_what_to_write_for_an_open_question():
    assert all('"unanswerable"' in template.inputs for template in QUAC.forward_templates.values())


@pytest.mark.parametrize('dataset', DATASETS, ids=lambda dataset: dataset.name)
def test_no_template_begins_or_ends_with_blank_lines(dataset):
    assert all(template.inputs == template.inputs.strip() for template in dataset.templates)


def test_wic_true_means_the_same_meaning(samples_dir):
    answers = answers_by_field(WIC, samples_dir, 'test', 'sentence1')
    assert answers['The plant on the desk needs water.'] == 'different meanings'
    assert answers['The doctor looked at my knee.'] == 'the same meaning'


def test_cola_labels(samples_dir):
    answers = answers_by_field(COLA, samples_dir, 'test', 'sentence')
    assert answers['Mary likes herself.'] == 'acceptable'
    assert answers['Herself likes Mary.'] == 'unacceptable'


def test_trec_labels(samples_dir):
    assert answers_by_field(TREC, samples_dir, 'test', 'question') == {
        'Why does bread rise?': 'description',
        'What language do most people in Brazil speak?': 'entity',
        'What is the abbreviation of "Doctor"?': 'abbreviation',
        'Who wrote "Pippi Longstocking"?': 'human being',
        'What year was the Channel Tunnel opened?': 'numeric value',
        'What river flows through Budapest?': 'location',
        'How is glass made?': 'description',
        'What plant is linen made from?': 'entity',
        'What do the letters DNA stand for?': 'abbreviation',
        "What Danish company didn't make plastic bricks at first, but wooden toys?": 'human being',
        'How many legs does a spider have?': 'numeric value',
        "What is Norway's capital?": 'location',
    }


def test_trec_templates_list_the_categories_in_no_order_of_their_own():
    for template in TREC.templates:
        assert not [option for option in TREC.answer.options if option in template.inputs]


@pytest.mark.parametrize(
    ('corpus', 'plain'),
    [
        ("What singer sings `` Oh Boy '' ?", 'What singer sings "Oh Boy"?'),
        ("Who wrote ` Hamlet ' ?", "Who wrote 'Hamlet'?"),
        ("Why ca n't I feed the kids ' dog $1 , 000 ?", "Why can't I feed the kids' dog $1,000?"),
        ('Name a film , please .', 'Name a film, please.'),
        ('What program do I need to run a .tbk file ?', 'What program do I need to run a .tbk file?'),
    ],
)
def test_trec_questions_lose_the_blanks_of_the_corpus(corpus, plain):
    assert read(TREC, {'text': corpus, 'label-coarse': 0})['question'] == plain


def test_cola_templates_all_differ_on_an_example(samples_dir):
    ex = next(rendered_examples(COLA, 'test', samples_dir))
    assert len(set(ex.prompts)) == 10


def test_cola_shuffled_words_are_those_of_the_sentence_in_another_order(samples_dir):
    for ex in rendered_examples(COLA, 'train', samples_dir):
        words = ex.fields['sentence'].split()
        assert sorted(ex.fields['shuffled'].split(' / ')) == sorted(words)
        assert ex.fields['shuffled'].split(' / ') != words


def test_math_equation_is_taken_apart():
    ex = read(MATH, {'question': 'Solve 0 = -4*d - d - 25 for d.', 'answer': '-5'})
    parts = ('equation', 'left_side', 'right_side', 'unknown', 'answer')
    assert [ex[part] for part in parts] == ['0 = -4*d - d - 25', '0', '-4*d - d - 25', 'd', '-5']


SENTENCE = "“Café déjà-vu”, said Žofie O'Brien  (aged 3.5):  it's 20 € – or 10%!"


def english(sentence):
    return {'en': sentence, 'da': ''}


def test_fix_punct_keeps_accented_letters_and_hyphens():
    ex = read(FIX_PUNCT, english(SENTENCE))
    assert ex['bare'] == 'Café déjà-vu said Žofie OBrien aged 3.5 its 20 € or 10%'
    assert ex['answer'] == "“Café déjà-vu”, said Žofie O'Brien (aged 3.5): it's 20 € – or 10%!"


def test_true_case_lowers_accented_capitals():
    ex = read(TRUE_CASE, english('ÉMILE and ØRSTED met Žofie in ÅRHUS.'))
    assert ex['lower'] == 'émile and ørsted met žofie in århus.'
    assert ex['answer'] == 'ÉMILE and ØRSTED met Žofie in ÅRHUS.'


def test_true_case_is_judged_with_case():
    unchanged = Judgement(prediction='we met in århus', references=('We met in Århus',))
    assert judge(TRUE_CASE.metrics, [unchanged]) == {'word_error_rate': 50}


def test_word_segment_joins_words_and_keeps_every_other_character():
    ex = read(WORD_SEGMENT, english(' To be,\u00a0or not\tto be? '))
    assert (ex['joined'], ex['answer']) == ('Tobe,ornottobe?', 'To be, or not to be?')


@pytest.mark.parametrize(
    ('dataset', 'unchanged', 'changed'),
    [
        (FIX_PUNCT, ['Flowers for Hong Kong', 'non-marking rubber', '...'], 'Flowers!'),
        (TRUE_CASE, ['flowers, 3.5 m', 'ærø'], 'Ærø'),
        (WORD_SEGMENT, [' Flowers ', 'www.example.com'], 'To be'),
    ],
    ids=lambda value: getattr(value, 'name', ''),
)
def test_sentences_with_nothing_to_restore_are_dropped(dataset, unchanged, changed):
    assert not any(usable(dataset, english(sentence)) for sentence in unchanged)
    assert usable(dataset, english(changed))


def test_para_crawl_datasets_train_on_different_sentences():
    slices = [splits.resolve(dataset.splits, {'train': 2_000_000}) for dataset in (TRUE_CASE, FIX_PUNCT, WORD_SEGMENT)]
    assert [str(each['train']) for each in slices] == [
        'train[0:30000]',
        'train[30200:60200]',
        'train[60400:90400]',
    ]
    assert {(str(each['validation']), str(each['test'])) for each in slices} == {
        ('train[1996800:1997000]', 'train[1997000:2000000]')
    }
