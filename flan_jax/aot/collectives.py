"""The collectives of a compiled program, with their number and bytes, parsed from its HLO text."""

import dataclasses
import functools
import math
import re

KINDS = ('all-gather', 'all-reduce', 'reduce-scatter', 'all-to-all', 'collective-permute')

_ITEM_BYTES = {'pred': 1, 's8': 1, 'u8': 1, 'bf16': 2, 'f16': 2, 's32': 4, 'u32': 4, 'f32': 4, 's64': 8, 'f64': 8}
_COMPUTATION = re.compile(r'^(?:ENTRY )?%([\w.-]+) \(.*\{$')
_CALLED = re.compile(r'(?:calls|to_apply|body|true_computation|false_computation)=%([\w.-]+)')
_SHAPE = re.compile(r'(pred|[a-z]+\d+)\[([\d,]*)\]')


@dataclasses.dataclass(frozen=True)
class Traffic:
    """Collectives of one kind in one run of a program.

    Attributes:
      count: number of collectives per device.
      payload: bytes of the whole arrays that are gathered, reduced or sent, per device.
      sent: lower bound of the bytes that a device sends (rings; an all-reduce is a reduce-scatter and an all-gather).
    """

    count: int = 0
    payload: float = 0.0
    sent: float = 0.0

    def __add__(self, other: 'Traffic') -> 'Traffic':
        return Traffic(self.count + other.count, self.payload + other.payload, self.sent + other.sent)

    def __mul__(self, times: int) -> 'Traffic':
        return Traffic(self.count * times, self.payload * times, self.sent * times)


def collectives(hlo: str, devices: int) -> dict[str, Traffic]:
    """Traffic by kind of a program for `devices` devices; the body of a loop counts once per iteration."""
    bodies = _computations(hlo)

    @functools.cache
    def within(name: str) -> dict[str, Traffic]:
        total: dict[str, Traffic] = {}
        for line in bodies[name]:
            found = _instruction(line, devices)
            times = _turns(line, bodies)
            # XLA's TPU backend represents a reduce-scatter as a computation of that name around an all-reduce.
            for called in _CALLED.findall(line):
                for kind, traffic in within(called).items() if called in bodies else ():
                    found[kind] = found.get(kind, Traffic()) + traffic * times
            if 'all-reduce-scatter' in name and 'all-reduce' in found:
                whole = found.pop('all-reduce')
                found['reduce-scatter'] = dataclasses.replace(whole, sent=whole.sent / 2)
            for kind, traffic in found.items():
                total[kind] = total.get(kind, Traffic()) + traffic
        return total

    return within(_entry(hlo))


def _computations(hlo: str) -> dict[str, list[str]]:
    bodies: dict[str, list[str]] = {}
    for line in hlo.splitlines():
        if match := _COMPUTATION.match(line):
            lines = bodies.setdefault(match[1], [])
        elif ' = ' in line:
            lines.append(line)
    return bodies


def _entry(hlo: str) -> str:
    (name,) = re.findall(r'^ENTRY %([\w.-]+)', hlo, re.MULTILINE)
    return name


def _instruction(line: str, devices: int) -> dict[str, Traffic]:
    """The traffic of one instruction; that of an asynchronous pair counts at its start."""
    match = re.search(rf' = (.*?) ({"|".join(KINDS)})(-start)?\(', line)
    if not match:
        return {}
    result, kind, asynchronous = match.groups()
    sizes = [_bytes(*shape) for shape in _SHAPE.findall(result)]
    # The shape of the start has both operands and results.
    size = max(sizes) if asynchronous else sum(sizes)
    members = _members(line, devices)
    payload = size * members if kind == 'reduce-scatter' else size
    share = {'all-reduce': 2 * (members - 1) / members, 'collective-permute': 1}.get(kind, (members - 1) / members)
    return {kind: Traffic(1, payload, payload * share)}


def _bytes(dtype: str, shape: str) -> int:
    return _ITEM_BYTES[dtype] * math.prod(int(size) for size in shape.split(',') if size)


def _members(line: str, devices: int) -> int:
    """Number of devices in a group of the collective."""
    if match := re.search(r'replica_groups=\[\d+,(\d+)\]', line):
        return int(match[1])
    if match := re.search(r'replica_groups=\{\{([\d,]+)\}', line):
        return match[1].count(',') + 1
    return devices


def _turns(line: str, bodies: dict[str, list[str]]) -> int:
    """Number of iterations of a loop, from the constant bound of a scan's counter; 1 for other instructions."""
    match = re.search(r' while\(.*condition=%([\w.-]+)', line)
    if not match:
        return 1
    bounds = re.findall(r'[su]32\[\]\S* constant\((\d+)\)', '\n'.join(bodies[match[1]]))
    if len(bounds) != 1:
        raise ValueError(f'cannot determine the trip count of a loop in the compiled program: {line[:200]}')
    return int(bounds[0])
