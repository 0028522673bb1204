"""Replies on disk by request, so that a question is paid for once, and a killed run resumes."""

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
    """The reply of a model.

    Attributes:
      text: the answer.
      usage: usage reported by the server, such as prompt_tokens and completion_tokens; may be empty.
      first_tokens: log-probabilities of the most likely first tokens, by token; empty if the server does not report
        them.
    """

    text: str
    usage: Mapping[str, int] = dataclasses.field(default_factory=dict)
    first_tokens: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Replies:
    """A folder of replies, one file for each, which also has the request."""

    def __init__(self, folder: epath.PathLike):
        """Stores replies in `folder`; raises UserError if it cannot be written."""
        self._folder = epath.Path(folder)
        require_writable(self._folder, 'cache')

    def find(self, url: str, body: Mapping[str, Any]) -> Reply | None:
        """The reply to a request; None if there is none yet.

        Raises:
          DamagedFile: if the file was changed; names it.
        """
        path = self._path(url, body)
        if not path.exists():
            return None
        content = read_json(path, _ADVICE)
        if content.get('request') != dict(body) or not isinstance(content.get('text'), str):
            raise DamagedFile(f'{path} is damaged: its content does not match its name; {_ADVICE}')
        return Reply(content['text'], content.get('usage', {}), content.get('first_tokens', {}))

    def keep(self, url: str, body: Mapping[str, Any], reply: Reply) -> None:
        """Writes a reply with its request, which does not contain the key."""
        content = {'url': url, 'request': dict(body), **dataclasses.asdict(reply)}
        write_whole(self._path(url, body), json.dumps(content, ensure_ascii=False, indent=1))

    def _path(self, url: str, body: Mapping[str, Any]) -> epath.Path:
        return self._folder / f'{request_hash(url, body)}.json'


def request_hash(url: str, body: Mapping[str, Any]) -> str:
    """A hash of a request, forty hexadecimal digits: URL, model, messages and settings."""
    canonical = json.dumps([url, body], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:40]
