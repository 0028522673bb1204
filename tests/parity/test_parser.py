"""Outputs parsed by spaCy: trees annotated by hand, and a pipeline that is trained here on a few sentences."""

import json

import pytest

from flan_jax.command import main
from flan_jax.errors import UserError
from flan_jax.metrics.verb_nouns import root_verb_and_object
from flan_jax.studies.parsing import open_pipeline, parse_files

spacy = pytest.importorskip('spacy', reason="the parser's extra is not installed: pip install 'flan_jax[parser]'")

SENTENCES = (
    ('Write a story .', 'VERB DET NOUN PUNCT', (0, 2, 0, 0), 'ROOT det dobj punct', ('write', 'story')),
    ('Dogs run fast .', 'NOUN VERB ADV PUNCT', (1, 1, 1, 1), 'nsubj ROOT advmod punct', ('run', None)),
    ('Here is bread .', 'ADV AUX NOUN PUNCT', (1, 1, 1, 1), 'advmod ROOT attr punct', (None, None)),
    ('She eats an apple .', 'PRON VERB DET NOUN PUNCT', (1, 1, 3, 1, 1), 'nsubj ROOT det dobj punct', ('eat', 'apple')),
)  # fmt: skip
"""Words, parts of speech, heads, relations, and what is to be found."""

LEMMAS = {'Write': 'write', 'eats': 'eat', 'Dogs': 'dog'}


def annotated(sentence, vocab):
    from spacy.tokens import Doc

    text, tags, heads, relations, _ = sentence
    words = text.split()
    lemmas = [LEMMAS.get(word, word) for word in words]
    return Doc(vocab, words=words, pos=tags.split(), heads=list(heads), deps=relations.split(), lemmas=lemmas)


@pytest.mark.parametrize('sentence', SENTENCES, ids=lambda sentence: sentence[0])
def test_the_verb_and_its_object_are_found_in_a_tree_of_spacy(sentence):
    doc = annotated(sentence, spacy.blank('en').vocab)
    assert root_verb_and_object(next(doc.sents).root) == sentence[-1]


@pytest.fixture(scope='module')
def pipeline(tmp_path_factory):
    """The folder of a pipeline that has learned the sentences by heart."""
    from spacy.tokens import Doc
    from spacy.training import Example

    nlp = spacy.blank('en')
    nlp.add_pipe('morphologizer')
    nlp.add_pipe('parser', config={'min_action_freq': 1})  # else all relations that are rarer than 30 are one
    nlp.add_pipe('lemmatizer', config={'mode': 'lookup'})
    nlp.get_pipe('lemmatizer').initialize(lookups=lookups())
    docs = [annotated(sentence, nlp.vocab) for sentence in SENTENCES]
    docs.append(Doc.from_docs([docs[0], docs[3]]))
    examples = [Example(nlp.make_doc(doc.text.strip()), doc) for doc in docs]
    nlp.select_pipes(disable=['lemmatizer'])
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    nlp.enable_pipe('lemmatizer')
    folder = tmp_path_factory.mktemp('pipeline')
    nlp.to_disk(folder)
    return str(folder)


def lookups():
    from spacy.lookups import Lookups

    tables = Lookups()
    tables.add_table('lemma_lookup', LEMMAS)
    return tables


def test_files_are_parsed_and_drawn_by_one_command(pipeline, tmp_path, capsys):
    texts = [*(sentence[0] for sentence in SENTENCES), 'Write a story .', '', 'Write a story . She eats an apple .']
    (tmp_path / 'a.json').write_text(json.dumps([{'instruction': 'i', 'output': text} for text in texts]))
    where = f'--gin.MODEL_DIR={tmp_path}/out'
    words = ['reproduce', 'gpt4llm.figure1', '--from', str(tmp_path / 'a.json'), where]
    assert main.main([*words, f'--parser={pipeline}']) == 0, capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / 'out/parses/a.jsonl').read_text().splitlines()]
    found = {row['output']: (row['verb'], row['noun']) for row in rows}
    expected = {sentence[0]: sentence[-1] for sentence in SENTENCES} | {'': (None, None)}
    assert found == expected | {texts[-1]: ('write', 'story')}, 'the first sentence counts, and equal outputs once'
    assert json.loads((tmp_path / 'out/report.json').read_text())['ours']['a']['pairs'] == 2
    assert main.main(['reproduce', 'gpt4llm.figure1', '--from', f'{tmp_path}/out/parses/a.jsonl', where]) == 0


def test_an_interrupted_command_parses_no_file_again_unless_it_or_the_pipeline_has_changed(pipeline, tmp_path, capsys):
    for name, text in (('a', 'Write a story .'), ('b', 'Dogs run fast .')):
        (tmp_path / f'{name}.json').write_text(json.dumps([{'output': text}]))
    a, *_ = files = [tmp_path / 'a.json', tmp_path / 'b.json']
    parse_files([a], pipeline, tmp_path / 'parses')  # as far as it came
    made = (tmp_path / 'parses/a.jsonl').stat().st_mtime_ns
    parses = [path.read_text() for path in parse_files(files, pipeline, tmp_path / 'parses')]
    assert (tmp_path / 'parses/a.jsonl').stat().st_mtime_ns == made and 'a: already parsed' in capsys.readouterr().err
    assert parses == [path.read_text() for path in parse_files(files, pipeline, tmp_path / 'anew')]
    a.write_text(json.dumps([{'output': 'She eats an apple .'}]))
    assert 'apple' in parse_files(files, pipeline, tmp_path / 'parses')[0].read_text()
    other = spacy.load(pipeline)
    other.get_pipe('lemmatizer').lookups.get_table('lemma_lookup')['eats'] = 'devour'
    other.to_disk(tmp_path / 'other')
    assert 'devour' in parse_files(files, str(tmp_path / 'other'), tmp_path / 'parses')[0].read_text()


def test_pipelines_that_cannot_parse_are_refused(tmp_path):
    with pytest.raises(UserError, match='python -m spacy download en_core_web_none'):
        open_pipeline('en_core_web_none')
    spacy.blank('en').to_disk(tmp_path / 'blank')
    with pytest.raises(UserError, match='has no DEP, POS, LEMMA, but only nothing'):
        open_pipeline(str(tmp_path / 'blank'))
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'x.json').write_text('[{"output": "Yes."}]')
    with pytest.raises(UserError, match='two files are called x'):
        parse_files([tmp_path / 'a/x.json', tmp_path / 'b/x.json'], 'blank', tmp_path)
