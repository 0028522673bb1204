"""Replies on disk, each by what was asked: a question is paid for once, and a run that was killed goes on."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from etils import epath

from flan_jax.files import DamagedFile, read_json, require_writable, write_whole

_ADVICE = 'remove it, and the request is sent again'


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a model said.

    Attributes:
      text: the answer.
      usage: what the server says it has counted, such as prompt_tokens and completion_tokens; empty where it says
        nothing.
      first_tokens: log-probabilities of the likeliest first tokens; empty where the server gives none.
    """

    text: str
    usage: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first_tokens: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Replies:
    """A folder of replies, one a file, with the request beside each."""

    def __init__(self, folder: epath.PathLike):
        """Keeps replies in `folder`; raises UserError where it cannot be written."""
        self._folder = epath.Path(folder)
        require_writable(self._folder, 'cache')

    def find(self, url: str, body: Mapping[str, Any]) -> Reply | None:
        """The reply to a request; None where it was never asked.

        Raises:
          DamagedFile: naming a file that is not what was written there.
        """
        path = self._path(url, body)
        if not path.exists():
            return None
        content = read_json(path, _ADVICE)
        if content.get('request') != dict(body) or not isinstance(content.get('text'), str):
            raise DamagedFile(f'{path} is damaged: its content does not match its name; {_ADVICE}')
        return Reply(content['text'], content.get('usage', {}), content.get('first_tokens', {}))

    def keep(self, url: str, body: Mapping[str, Any], reply: Reply) -> None:
        """Writes a reply; the request beside it has no key, which goes with the headers."""
        content = {'url': url, 'request': dict(body), **dataclasses.asdict(reply)}
        write_whole(self._path(url, body), json.dumps(content, ensure_ascii=False, indent=1))

    def _path(self, url: str, body: Mapping[str, Any]) -> epath.Path:
        return self._folder / f'{request_hash(url, body)}.json'


def request_hash(url: str, body: Mapping[str, Any]) -> str:
    """Forty hexadecimal digits that stand for a request: where it goes, model, messages and settings."""
    canonical = json.dumps([url, body], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:40]
