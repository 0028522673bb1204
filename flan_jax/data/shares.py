"""Shares of all examples by part, dataset and form: exemplars, options and direction."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

from flan_jax.data.drawing import forms
from flan_jax.data.members import Member
from flan_jax.data.mixtures import TuningMixture
from flan_jax.data.parts import Part

FORMS = ('zero-shot', 'few-shot', 'hidden', 'listed', 'lettered', 'shuffled', 'inverted')
"""Properties of forms; the shares of the first two sum to the share of the whole."""


@dataclasses.dataclass(frozen=True)
class Shares:
    """The shares of a dataset in a part, of a part, or of the mixture.

    Attributes:
      part: name of the part; empty for the mixture.
      dataset: name of the dataset; empty for the part.
      share: share of all examples.
      forms: for each of `FORMS`, the share of all examples that belong here and have this property.
    """

    part: str
    dataset: str
    share: float
    forms: dict[str, float]


def shares_of(mixture: TuningMixture) -> Iterator[Shares]:
    """The shares of all datasets and parts, each part after its datasets, and finally of the mixture."""
    by_part, rates = collections.defaultdict(list), mixture.rates
    for task, member in mixture.members.items():
        part = member.part or _as_part(member, mixture.seqio.name)
        forms_found = _forms(member, part, rates[task])
        by_part[part.name].append(Shares(part.name, member.dataset.name, rates[task], forms_found))
    for name, found in by_part.items():
        yield from found
        yield _total(name, found)
    yield _total('', [shares for found in by_part.values() for shares in found])


def _as_part(member: Member, name: str) -> Part:
    """A part that describes the fixed form of a member."""
    return Part(name=name, mixture=member.dataset.name, few_shot=float(member.shots > 0))


def _forms(member: Member, part: Part, share: float) -> dict[str, float]:
    found = dict.fromkeys(FORMS, 0.0)
    for form in forms(member.dataset, part):
        for name in (form.shots, *form.options.split(', '), form.direction):
            if name in found:
                found[name] += share * form.share
    return found


def _total(part: str, of: Iterable[Shares]) -> Shares:
    of = list(of)
    return Shares(
        part, '', sum(shares.share for shares in of), {name: sum(s.forms[name] for s in of) for name in FORMS}
    )
