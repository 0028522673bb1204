"""Splits are the paper's on the official numbers of examples, and shrink with smaller data."""

from hypothesis import given
from hypothesis import strategies as st

from flan_jax.catalogue.declaration import Splits, Tail
from flan_jax.catalogue.splits import resolve


def described(splits, examples):
    return {name: str(found) for name, found in resolve(splits, examples).items()}


def test_official_sizes_give_the_papers_slices():
    assert described(Splits(validation=Tail(200), test='validation'), {'train': 2490, 'validation': 277}) == {
        'train': 'train[0:2290]',
        'validation': 'train[2290:2490]',
        'test': 'validation[0:277]',
    }
    assert described(Splits(validation='validation'), {'train': 100_459, 'validation': 1200, 'test': 1200}) == {
        'train': 'train[0:30000]',
        'validation': 'validation[0:200]',
        'test': 'test[0:1200]',
    }
    assert described(Splits(validation=Tail(200), test=Tail(1000)), {'train': 1_000_000}) == {
        'train': 'train[0:30000]',
        'validation': 'train[998800:999000]',
        'test': 'train[999000:1000000]',
    }


@given(st.integers(0, 40_000), st.integers(0, 500), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 70_000))
def test_examples_are_never_in_two_splits(train, test, dev_tail, test_tail, start):
    splits = Splits(validation=Tail(dev_tail), test=Tail(test_tail), train_start=start)
    found = resolve(splits, {'train': train, 'test': test})
    used = [ex for piece in found.values() for ex in range(piece.start, piece.stop)]
    assert len(used) == len(set(used))
    assert all(0 <= ex < train for ex in used)
    if train >= 9 and dev_tail and test_tail:
        assert set(found) == {'train', 'validation', 'test'}


def test_a_dataset_without_training_examples_has_none():
    assert set(resolve(Splits(train=None, validation=None), {'test': 273})) == {'test'}
