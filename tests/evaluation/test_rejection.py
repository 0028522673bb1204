"""Rejection sampling keeps right, sound and distinct solutions, as a plain version of RFT's collection does."""

import editdistance
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.evaluation.rejection import accepted, distinct, keep_paths
from flan_jax.evaluation.samples import Answered, Question, SamplesError, union
from flan_jax.metrics.solutions import equation_key

REFERENCE = 'Two and three: <<2+3=5>>5.\n#### 5'
SOLUTIONS = st.builds(
    lambda words, equations: ' '.join(words) + ''.join(f'<<{equation}>>' for equation in equations),
    st.lists(st.sampled_from(['a', 'bb', 'cats', 'so']), max_size=4),
    st.lists(st.sampled_from(['1+1=2', '1 + 1=2', '2+3=5']), max_size=2),
)


def plainly(solutions):
    """The procedure word for word: lists, positions, sums over what is kept but the one compared with."""
    keys, kept = [], []
    for new in solutions:
        key = equation_key(new)
        if key not in keys:
            keys.append(key)
            kept.append(new)
            continue
        place = keys.index(key)
        old = kept[place]
        others = [text for text in kept if text != old]
        sums = [sum(editdistance.eval(text, other) for other in others) for text in (old, new)]
        if sums[1] > sums[0]:
            kept[place] = new
    return kept


@given(st.lists(SOLUTIONS, max_size=8))
def test_distinct_solutions_are_those_of_the_plain_procedure(solutions):
    found = distinct(solutions)
    assert found == plainly(solutions)
    assert len({equation_key(text) for text in found}) == len(found) and set(found) <= set(solutions)
    assert distinct(found) == found


def test_the_one_further_from_the_others_replaces_and_order_matters():
    one, near, far = '<<1+1=2>>', '<<2+3=5>>', 'far away <<2+3=5>>'
    assert distinct([one, near, far]) == [one, far]
    assert distinct([near, far, one]) == [near, one]  # nothing else was kept when they met


def test_wrong_answers_and_unsound_equations_are_rejected():
    good, lucky = '<<3+2=5>>\n#### 5', '<<3+3=5>>\n#### 5'
    assert accepted([good, lucky, '<<3+2=5>>\n#### 6', 'none', '#### 5.0'], REFERENCE) == [good, '#### 5.0']


def test_paths_of_several_models_are_united_and_counted():
    question, other = Question('2 and 3?', REFERENCE), Question('Hard?', '#### 7')
    first = [Answered(question, ('<<3+2=5>>\n#### 5', '<<1+1=3>>\n#### 5')), Answered(other, ('#### 1', ''))]
    second = [Answered(question, (REFERENCE, '<<3+2=5>>\n#### 5'))]
    kept = keep_paths(union([first, second]))
    assert kept.paths == (('<<3+2=5>>\n#### 5', REFERENCE), ())
    assert (kept.drawn, kept.right, kept.accepted, kept.distinct) == (6, 4, 3, 2)


def test_questions_without_an_answer_or_with_two_are_refused():
    with pytest.raises(SamplesError, match='no answer after "####"'):
        keep_paths([Answered(Question('why?', 'because'), ('#### 1',))])
    with pytest.raises(SamplesError, match='two references'):
        union([[Answered(Question('why?', '#### 1'), ())], [Answered(Question('why?', '#### 2'), ())]])
