"""An eval set holds what the SeqIO tasks of its datasets give, one task for each template."""

import dataclasses
import itertools

import pytest
import tokenizers

from flan_jax import catalogue
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.tulu import Tulu
from flan_jax.data.seqio_tasks import generation_task, rank_task
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.settings import Evaluation
from flan_jax.tokenizers.vocabulary import Vocabulary


def seqio_examples(eval_set, key, prompt_format, input_length):
    """What the task of a key gives, as plain values; the options of an example together."""
    dataset = eval_set.datasets[key.dataset]
    exemplars = Exemplars(dataset, key.shots, 0, eval_set.evaluation.fixed_exemplars, eval_set.data_dir)
    make_task = rank_task if dataset.has_options else generation_task
    task = make_task(
        dataset, key.template, Vocabulary(), eval_set.data_dir, exemplars=exemplars if key.shots else None,
        prompt_format=prompt_format,
    )  # fmt: skip
    rows = read_examples(task, {'inputs': input_length}, split=key.split, shuffle=False).as_numpy_iterator()
    by_example = itertools.groupby(rows, lambda row: int(row['idx'][0] if dataset.has_options else row['idx']))
    for index, options in itertools.islice(by_example, eval_set.evaluation.limit):
        options = list(options)
        first = options[0]
        texts = [option['targets_pretokenized'].decode() for option in options]
        shown = [text.decode() for text in first.get('option_texts', ())] or texts
        yield {
            'example': index,
            'prompt': first['inputs_pretokenized'].decode(),
            'prompt_tokens': first['inputs'].tolist(),
            'references': [text for text, option in zip(shown, options) if option['is_correct']]
            if dataset.has_options
            else [text.decode() for text in first['references']],
            'choices': shown if dataset.has_options else [],
            'choice_tokens': [option['targets'].tolist() for option in options] if dataset.has_options else [],
            'group': first.get('group', b'').decode(),
            'exemplars': int(first.get('shots', 0)),
            'cut': 'end' if not first['inputs_fit'] else 'long field' if first['inputs_cut'] else 'nothing',
            'marks': texts if dataset.has_options and 'option_texts' in first else [],
        }


def plain(example):
    """An example of an eval set in the same form."""
    values = {field.name: getattr(example, field.name) for field in dataclasses.fields(example)}
    values |= {name: list(values[name]) for name in ('references', 'choices', 'marks')}
    values['prompt_tokens'] = example.prompt_tokens.tolist()
    return values | {'choice_tokens': [tokens.tolist() for tokens in example.choice_tokens]}


def test_options_that_a_vocabulary_does_not_tell_apart_are_counted(samples_dir, tmp_path, capsys):
    """`yes` and `no` are the same unknown word to it, so that the first option would always win."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({'<unk>': 0, '</s>': 1, 'yes.': 2}, unk_token='<unk>'))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / 'tokenizer.json'))
    (tmp_path / 'tokenizer_config.json').write_text('{"eos_token": "</s>"}')
    evaluation = Evaluation(splits=('test',), templates=(0,))
    eval_set = EvalSet(evaluation, [catalogue.dataset('rte')], {'inputs': 64, 'targets': 8}, samples_dir, 0)
    (key,) = eval_set.keys
    number = len(eval_set.examples(key, Vocabulary(), Flan()))
    assert 'same tokens' not in capsys.readouterr().err
    eval_set.examples(key, Vocabulary(str(tmp_path)), Flan())
    assert f'in {number} of {number} examples several options have the same tokens' in ' '.join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize(
    'name, prompt_format, settings, input_length',
    [
        ('rte', Plain(), {'shots': (0, 3)}, 256),  # exemplars that are tokenised with what follows
        ('multirc', Flan(), {'shots': (3,), 'options': 'lettered'}, 1024),  # groups, marks, exemplars that end by EOS
        ('record', Flan(), {'limit': 2}, 200),  # options of their own, long fields that are shortened
        ('squad_v1', Tulu(), {'splits': ('validation',), 'shots': (2,), 'fixed_exemplars': True}, 128),  # written out
        ('common_gen', Plain(), {}, 20),  # several references, prompts that lose their end
        ('wiki_dialog', Tulu(), {'templates': (0, 5)}, 256),  # turns before the question
    ],
)  # fmt: skip
def test_an_eval_set_holds_what_the_tasks_of_its_templates_give(
    name, prompt_format, settings, input_length, samples_dir
):
    evaluation = Evaluation(**{'templates': (0, 4), 'splits': ('test',)} | settings)
    lengths = {'inputs': input_length, 'targets': 64}
    eval_set = EvalSet(evaluation, [catalogue.dataset(name)], lengths, samples_dir, seed=0)
    for key in eval_set.keys:
        found = [plain(example) for example in eval_set.examples(key, Vocabulary(), prompt_format)]
        assert found == list(seqio_examples(eval_set, key, prompt_format, input_length))
