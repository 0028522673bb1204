"""Settings refuse what their type hints do not allow, with the name, the value and what is allowed."""

import dataclasses
import json
from typing import Annotated, Literal

import pytest

from flan_jax.errors import MOST_NAMED, UnknownName
from flan_jax.settings import (
    Above,
    AtLeast,
    Between,
    Count,
    NotEmpty,
    Settings,
    SettingsError,
    as_plain,
    bindings,
    fingerprint,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner(Settings):
    size: Count = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Settings):
    whole: int = 0
    real: float = 0.0
    flag: bool = False
    text: str = ''
    choice: Literal['a', 'b'] = 'a'
    none_or_count: Count | None = None
    rate: Annotated[float, Above(0)] = 1.0
    share: Annotated[float, Between(0, 1)] = 0.5
    several: tuple[Annotated[int, AtLeast(0)], ...] = ()
    name: Annotated[str, NotEmpty()] = 'x'
    inner: Inner = Inner()

    def check(self):
        if self.whole > self.real > 0:
            raise SettingsError(f'Example.whole={self.whole} is more than Example.real={self.real}')


ALLOWED = {
    'whole': [-3, 0, 10**12],
    'real': [1, -0.5, 0],
    'flag': [True, False],
    'text': ['', 'any'],
    'choice': ['a', 'b'],
    'none_or_count': [None, 1],
    'rate': [1e-9, 3],
    'share': [0, 1, 0.5],
    'several': [(), (0,), (0, 3)],
    'name': ['y'],
    'inner': [Inner(size=2)],
}
REFUSED = {
    'whole': [1.0, True, None, '1'],
    'real': ['1.0', True, None, float('nan'), float('inf')],
    'flag': ['false', 'nope', 0, 1, None],
    'text': [None, 3],
    'choice': ['c', None, ('a',)],
    'none_or_count': [0, 1.0, 'two', True],
    'rate': [0, -1.0, float('nan')],
    'share': [-0.1, 1.1],
    'several': [0, [0], (1.0,), (-1,), ('0',), (True,), '0'],
    'name': ['', None],
    'inner': [None, Example, 1],
}


@dataclasses.dataclass(frozen=True)
class Noted(Settings):
    size: int
    note: str = dataclasses.field(default='', compare=False)


def test_the_cases_cover_every_field():
    names = {field.name for field in dataclasses.fields(Example)}
    assert set(ALLOWED) == set(REFUSED) == names


@pytest.mark.parametrize(('name', 'value'), [(name, value) for name, values in ALLOWED.items() for value in values])
def test_what_a_hint_allows_is_kept(name, value):
    assert getattr(Example(**{name: value}), name) == value


@pytest.mark.parametrize(('name', 'value'), [(name, value) for name, values in REFUSED.items() for value in values])
def test_what_a_hint_does_not_allow_is_refused_by_name_and_value(name, value):
    with pytest.raises(SettingsError) as error:
        Example(**{name: value})
    assert str(error.value).startswith(f'Example.{name}={value!r}: must be ')


def test_the_message_says_what_is_allowed():
    for changes, words in [
        ({'none_or_count': 0}, 'an integer of at least 1 or None'),
        ({'choice': 'c'}, "one of 'a', 'b'"),
        ({'flag': 'false'}, 'True or False'),
        ({'share': 2}, 'a number from 0 to 1'),
    ]:
        with pytest.raises(SettingsError, match=f'must be {words}$'):
            Example(**changes)


def test_fields_that_do_not_fit_each_other_are_refused_also_when_replaced():
    fitting = Example(whole=1, real=2.0)
    with pytest.raises(SettingsError, match=r'Example.whole=3 is more than Example.real=2.0'):
        dataclasses.replace(fitting, whole=3)


def test_bindings_say_every_field_or_those_that_are_not_default():
    settings = Example(whole=4, inner=Inner(size=2))
    lines = bindings(settings)
    assert len(lines) == len(dataclasses.fields(Example)) + len(dataclasses.fields(Inner))
    assert bindings(settings, defaults=False) == ['Example.whole = 4', 'Example.inner = @Inner()', 'Inner.size = 2']


def test_a_fingerprint_changes_with_every_value_and_survives_json():
    one = Example(several=(1, 2))
    assert fingerprint(one) == fingerprint(json.loads(json.dumps(as_plain(one))))
    changed = [dataclasses.replace(one, **{name: values[-1]}) for name, values in ALLOWED.items()]
    different = [settings for settings in changed if settings != one]
    assert len({fingerprint(settings) for settings in [one, *different]}) == 1 + len(different)


def test_a_message_names_the_first_of_very_many_names():
    many = [f'name{number:04}' for number in range(2 * MOST_NAMED)]
    assert f'name{MOST_NAMED - 1:04} and {MOST_NAMED} more' in str(UnknownName('thing', 'x', many))
    assert str(UnknownName('thing', 'x', many[:2])) == "unknown thing 'x'; known: name0000, name0001"


def test_what_changes_no_result_tells_no_settings_apart():
    one, other = Noted(1, note='a'), Noted(1, note='b')
    assert one == other and fingerprint(one) == fingerprint(other) == fingerprint({'type': 'Noted', 'size': 1})
    assert fingerprint({'held': (one,)}) == fingerprint({'held': (other,)}) != fingerprint({'held': (Noted(2),)})
    assert as_plain(other)['note'] == 'b'
