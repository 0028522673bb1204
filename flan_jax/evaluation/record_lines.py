"""The lines of a file of records: JSON with the number of records and, at the end, a checksum of the line before it."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

NUM_RECORDS = 'num_records'

_CHECKED = re.compile(rb'(.*), "check": "([0-9a-f]{16})"\}', re.DOTALL)

_UNCHECKED = re.compile(rb'.*"num_records": \d+\}', re.DOTALL)
"""A line of a version without checksums; no single changed byte turns a line with a checksum into one."""


class DamagedLine(ValueError):
    """A line was truncated or changed."""


def dumped(records: Iterable[Mapping[str, Any]]) -> bytes:
    """The content of a file with these records."""
    records = list(records)
    lines = (json.dumps({**record, NUM_RECORDS: len(records)}, ensure_ascii=False) for record in records)
    return b''.join(_with_checksum(line.encode()[:-1]) for line in lines)


def first(content: bytes) -> dict[str, Any]:
    """The first record of a file; empty if there is none, or its line is damaged."""
    line, end, _ = content.partition(b'\n')
    try:
        return _parsed(line, 1) if end else {}
    except DamagedLine:
        return {}


def verify(content: bytes) -> None:
    """Raises DamagedLine for the first damaged or missing line."""
    lines = content.split(b'\n')[:-1] or [content]
    for number, line in enumerate(lines, start=1):
        _verify(line, number)
    expected = _parsed(lines[0], 1).get(NUM_RECORDS)
    if len(lines) != expected or not content.endswith(b'\n'):
        raise DamagedLine(f'cut short: {len(lines)} lines of {expected}')


def parsed(content: bytes) -> list[dict[str, Any]]:
    """The records of a file; raises DamagedLine like `verify`."""
    verify(content)
    return [_parsed(line, number) for number, line in enumerate(content.split(b'\n')[:-1], start=1)]


def _with_checksum(before: bytes) -> bytes:
    return before + b', "check": "' + _checksum(before) + b'"}\n'


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).hexdigest().encode()


def _verify(line: bytes, number: int) -> None:
    checked = _CHECKED.fullmatch(line)
    if checked and _checksum(checked[1]) != checked[2]:
        raise DamagedLine(f'line {number} is not as it was written')
    if not checked and not _UNCHECKED.fullmatch(line):
        raise DamagedLine(f'line {number} is not as it was written, or cut short')


def _parsed(line: bytes, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DamagedLine(f'line {number}: {error}') from error
    if not isinstance(record, dict):
        raise DamagedLine(f'line {number} is no record')
    record.pop('check', None)
    return record
