"""Evaluates arithmetic expressions with a parser of our own, since a model's output must not be executed as code.

    expression := term (('+' | '-') term)*
    term       := factor (('*' | '/' | '//' | '%') factor)*
    factor     := ('+' | '-') factor | power
    power      := atom ('**' factor)?
    atom       := NUMBER | '(' expression ')'
    NUMBER     := digits with at most one point, and an exponent or none: 12, 0.5, .5, 5., 1e3

Values, precedence and associativity are Python's, since the checker of RFT evaluates in Python. Python's other syntax
(names, commas, bit operations, comments) is refused and, as in Python, so are integers with a leading 0.
"""

import operator
import re

LONGEST = 300
"""Longest allowed expression in characters, which bounds the nesting of parentheses and the size of values."""

_TOKEN = re.compile(r'\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\*\*|//|[-+*/%()])', re.ASCII)

_LEADING_ZERO = re.compile(r'0+[1-9]\d*')

_SUMS = {'+': operator.add, '-': operator.sub}
_PRODUCTS = {'*': operator.mul, '/': operator.truediv, '//': operator.floordiv, '%': operator.mod}


class ExpressionError(ValueError):
    """A text is not an expression of the grammar, or has no value."""


def evaluate(text: str) -> float:
    """The value of an expression.

    Raises:
      ExpressionError: for text outside the grammar, division by zero, and values that are too large or not real.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f'{text[:20]}...: longer than {LONGEST} characters')
    parser = _Parser(_tokens(text))
    try:
        value = parser.expression()
    except (ZeroDivisionError, OverflowError) as error:
        raise ExpressionError(f'{text!r}: {error}') from error
    if parser.next is not None:
        raise ExpressionError(f'{text!r}: {parser.next!r} is not part of an expression')
    return value


def _tokens(text: str) -> list[str]:
    tokens, place, text = [], 0, text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f'{text!r}: cannot read {text[place:]!r}')
        tokens.append(match[1])
        place = match.end()
    return tokens


class _Parser:
    """Recursive descent, one method for each rule of the grammar."""

    def __init__(self, tokens: list[str]):
        self._tokens = tokens[::-1]

    @property
    def next(self) -> str | None:
        """The next token, which is not consumed; None at the end."""
        return self._tokens[-1] if self._tokens else None

    def expression(self) -> float:
        value = self._term()
        while self.next in _SUMS:
            value = _SUMS[self._tokens.pop()](value, self._term())
        return value

    def _term(self) -> float:
        value = self._factor()
        while self.next in _PRODUCTS:
            value = _PRODUCTS[self._tokens.pop()](value, self._factor())
        return value

    def _factor(self) -> float:
        if self.next in _SUMS:
            return _SUMS[self._tokens.pop()](0, self._factor())
        return self._power()

    def _power(self) -> float:
        base = self._atom()
        if self.next != '**':
            return base
        self._tokens.pop()
        value = float(base) ** float(self._factor())  # floats, which overflow; integers could grow without bound
        if isinstance(value, complex):
            raise ExpressionError(f'{base} has no real power with this exponent')
        return value

    def _atom(self) -> float:
        token = self._tokens.pop() if self._tokens else None
        if token == '(':
            value = self.expression()
            if self.next != ')':
                raise ExpressionError('missing closing parenthesis')
            self._tokens.pop()
            return value
        if token is None or token[0] not in '.0123456789' or _LEADING_ZERO.fullmatch(token):
            raise ExpressionError(f'expected a number, found {token!r}')
        return int(token) if token.isdigit() else float(token)
