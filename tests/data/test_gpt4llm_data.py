"""The data of instruction tuning with GPT-4 is read as its files are, and Chinese comes through every stage."""

import json

import pytest

from flan_jax import catalogue
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.formats.alpaca import Alpaca, unwrapped
from flan_jax.data.instruction_files import known_formats
from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.data.instruction_files.detected import format_of_file
from flan_jax.data.own_instructions import Instructions
from flan_jax.data.prepare_instructions import prepare_instructions
from flan_jax.data.settings import Data
from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.rouge_by_length import ALL, rouge_l_by_length
from flan_jax.metrics.rouge_tokens import RougeTokenizer
from flan_jax.metrics.text import rouge
from flan_jax.packing.pack import write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.tokenizers.vocabulary import Vocabulary


def wrapped(instruction, context=''):
    return Alpaca().prompt_text(f'{instruction}\n\n{context}'.strip(), context)


@pytest.mark.parametrize('parts', [('Add.', '1, 2\n\n3'), ('Name a\n\nfruit.', ''), ('为什么？', '因为 {x}')])
def test_the_format_is_taken_off_prompts(parts):
    assert unwrapped(wrapped(*parts)) == parts and unwrapped(f'\n{wrapped(*parts)}\n') == parts
    assert unwrapped(parts[0]) is None and unwrapped('see: ' + wrapped(*parts)) is None


def test_comparisons_are_read_as_they_were_published():
    scored = [('yes', 'icm-1.3b', '2'), ('3', 'gpt4', 9.5), ('', 'text-davinci-003', '8')]
    responses = [{'response': text, 'source': source, 'score': score} for text, source, score in scored]
    row = {'user_input': wrapped('Add.', '1, 2'), 'responses_and_scores': responses}
    expected = Conversation('Add.', '3', input='1, 2', rejected=('yes', ''), scores=(9.5, 2.0, 8.0))
    assert known_formats()['ranked'].read('here', row) == expected
    alone = known_formats()['ranked'].read('here', row | {'responses_and_scores': responses[:1]})
    assert alone.is_tie and alone.response == 'yes'
    with pytest.raises(ExampleError, match="score 'good' is not a finite number"):
        known_formats()['ranked'].read('here', row | {'responses_and_scores': [responses[0] | {'score': 'good'}] * 2})
    first = {'user_input': wrapped('Add.'), 'completion_a': '3', 'completion_b': 'yes'}
    assert known_formats()['preference'].read('here', first) == Conversation(
        'Add.', '3', rejected=('yes',), scores=(1.0, 0.0)
    )


@pytest.mark.parametrize(
    ('name', 'found'),
    [('alpaca_gpt4_data', 'alpaca'), ('alpaca_gpt4_data_zh', 'alpaca'), ('preferences_en', 'preference')],
)
def test_the_samples_are_of_the_formats_that_they_have(instructions_dir, name, found):
    assert format_of_file(instructions_dir / f'{name}.json', known_formats(), {}) == found


def test_chinese_comes_through_preparation_and_packing(instructions_dir, tmp_path):
    """The bundled vocabulary has no Chinese, so that every character is three tokens of a byte each."""
    rows = [row for _, row in read_file(instructions_dir / 'alpaca_gpt4_data_zh.json')]
    short = [row for row in rows if len(row['instruction'] + row['input'] + row['output']) < 60][:6]
    (tmp_path / 'zh.json').write_text(json.dumps(short, ensure_ascii=False))
    prepare_instructions(Instructions(name='zh_rows'), {'train': tmp_path / 'zh.json'}, 'alpaca', str(tmp_path))
    stream = Stream(sequence_length=1024, input_length=512, target_length=256, targets_per_sequence=None)
    data = Data(tfds_data_dir=str(tmp_path), mixture='zh_rows')
    packed = PackedStream(write_stream(data, stream, 4, prompt_format=Alpaca()))
    catalogue.DATASETS.pop('zh_rows')
    vocabulary = Vocabulary()
    read = {
        (vocabulary.decode(ex.prompt.tolist()), vocabulary.decode(ex.responses[0].tolist()))
        for sequence in packed.sequences(range(4))
        for ex in sequence.examples()
    }
    written = {(wrapped(row['instruction'], row['input']), row['output']) for row in short}
    assert len(read) == len(written) > 3 and read == written


def test_rouge_counts_chinese_characters_and_leaves_other_texts_as_they_are():
    tokenize = RougeTokenizer().tokenize
    assert tokenize('我爱 GPT-4，你呢？') == ['我', '爱', 'gpt', '4', '你', '呢']
    texts = ['The cat, the café!', "don't 3.5", '']
    from rouge_score import rouge_scorer  # with half of NLTK, which no other test of this file needs

    scorer = rouge_scorer.RougeScorer(['rouge1'])
    assert [tokenize(text) for text in texts] == [scorer._tokenizer.tokenize(text) for text in texts]
    assert rouge([Judgement('我爱你', ('我也爱你',))])['rouge1'] == pytest.approx(100 * 2 * 0.75 / 1.75)
    assert rouge_l_by_length(['我爱你们'], ['你们'])[ALL].rouge_l == pytest.approx(2 * 0.5 / 1.5)
