"""Arithmetic has Python's values and nothing else of Python; solutions are checked as RFT's checker does."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.metrics import solutions
from flan_jax.metrics.arithmetic import LONGEST, ExpressionError, evaluate

NUMBERS = st.one_of(
    st.integers(0, 999).map(str), st.decimals(0, 99, places=2).map(str), st.sampled_from(['.5', '5.', '1e3', '2.5E-1'])
)
SPACES = st.sampled_from(['', ' '])
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, SPACES, st.sampled_from(['+', '-', '*', '/', '//', '%']), SPACES, inner).map(''.join),
        st.tuples(inner, st.just('**'), st.sampled_from(['2', '0', '.5', '-1'])).map(''.join),
        st.tuples(st.just('('), inner, st.just(')')).map(''.join),
        st.tuples(st.sampled_from(['-', '+', '- ']), inner).map(''.join),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS)
def test_values_are_those_of_python(text):
    try:
        expected = eval(text)  # of expressions that this test makes
    except (ZeroDivisionError, OverflowError):
        expected = None
    if expected is None or isinstance(expected, complex):
        with pytest.raises(ExpressionError):
            evaluate(text)
    else:
        found = evaluate(text)
        assert found == expected or math.isclose(found, expected, rel_tol=1e-12) or math.isnan(found)


@pytest.mark.parametrize(
    'text',
    ['', '1+', '1 2', '3,000', '5(3)', '(1', '1)', '1/0', '1%0', '2^3', 'x', '__import__("os")', '05', '1..2', '20%*5',
     '$3', '9.0**999', '(-8)**.5', '1=1', '(' * LONGEST + '1', '٣+1'],
)  # fmt: skip
def test_what_is_no_expression_or_has_no_value_is_refused(text):
    with pytest.raises(ExpressionError):
        evaluate(text)


def test_deep_parentheses_and_high_powers_end_soon():
    assert evaluate('(' * 149 + '1' + ')' * 149) == 1
    with pytest.raises(ExpressionError):
        evaluate('9**9**9**9')


@pytest.mark.parametrize(
    ('equation', 'expected'),
    [('48/2=24', True), ('12/60=0.2', True), ('2/3=0.67', False), ('2/3=0.6667', True), ('10 * 2 = 20', True),
     ('1+1=2=3', True), ('1+1=3=2', False), ('3/4=3/4', False), ('3,000+1=3001', False), ('3000+1=3,001', False),
     ('5/0=0', False), ('5', False), ('=5', False), ('5=', False), ('2=nan', False), ('.5*4=2.', True)],
)  # fmt: skip
def test_an_equation_is_the_text_between_the_first_two_signs(equation, expected):
    assert solutions.holds(equation) is expected


def test_the_answer_follows_the_first_marks():
    assert solutions.final_answer('2+2\n#### 1,204') == '1204'
    assert solutions.final_answer('#### -3.50 m\n#### 7') == '-3.50'
    assert [solutions.final_answer(text) for text in ('', '####5', '#### x', '#### ..', '#### $5')] == [None] * 5
    assert solutions.is_right('#### 3.0', '#### 3') and not solutions.is_right('#### 4', '#### 3')
    assert not solutions.is_right('none', 'none')


def test_a_solution_is_identified_by_its_equations():
    text = 'First <<1 + 2=3>>3, then <<3*2 = 6>>6.\n#### 6'
    assert solutions.equations(text) == ['1 + 2=3', '3*2 = 6'] and solutions.equation_key(text) == '1+2=3|3*2=6'
    assert solutions.is_sound(text) and not solutions.is_sound(text.replace('6>>', '7>>'))
    assert solutions.is_sound('#### 6') and solutions.equation_key('#### 6') == ''


@pytest.mark.parametrize(('split', 'counts'), [('train', (7473, 7473, 23716, 95)), ('test', (1319, 1318, 4282, 18))])
def test_the_golden_counts_of_gsm8k(instructions_dir, split, counts):
    """Of the answers people wrote; the one that fails has 3/4 on its right side."""
    with (instructions_dir / f'gsm8k_full_{split}.jsonl').open() as lines:
        answers = [json.loads(line)['answer'] for line in lines]
    passed = [text for text in answers if solutions.is_right(text, text) and solutions.is_sound(text)]
    equations = [len(solutions.equations(text)) for text in answers]
    assert (len(answers), len(passed), sum(equations), equations.count(0)) == counts
