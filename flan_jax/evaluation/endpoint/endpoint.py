"""The settings of an endpoint."""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.errors import UserError
from flan_jax.settings import Count, Positive, Settings, SettingsError, Text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint(Settings):
    """A model behind an HTTP endpoint, and how to send requests to it.

    Attributes:
      url: base URL, such as http://127.0.0.1:8000/v1.
      model: name of the model at the server.
      key_variable: environment variable with the key; '' for a server without keys.
      options: fields of every request, which override those of the judge; None removes a field.
      requests_per_minute: maximal number of attempts that start in a minute.
      parallel: maximal number of concurrent requests.
      attempts: maximal number of attempts for each question.
      timeout_seconds: timeout of each attempt.
    """

    url: Text
    model: Text
    key_variable: str = ''
    options: dict = dataclasses.field(default_factory=dict)
    requests_per_minute: Positive = 60.0
    parallel: Count = 4
    attempts: Count = 6
    timeout_seconds: Positive = 120.0

    def check(self):
        if not re.fullmatch(r'https?://[^\s/@?#]+(/[^\s?#]*)?', self.url):
            raise SettingsError(
                f'Endpoint.url={self.url!r}: must be like http://host/v1, without user name or key, because it is '
                'written to records'
            )

    def body(self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]) -> dict[str, Any]:
        """The body of a request, without the key."""
        fields = {name: value for name, value in {**options, **self.options}.items() if value is not None}
        return {**fields, 'model': self.model, 'messages': [dict(message) for message in messages]}

    def key(self) -> str:
        """The key from the environment; raises UserError if it is not set."""
        key = os.environ.get(self.key_variable, '') if self.key_variable else ''
        if self.key_variable and not key:
            raise UserError(
                f'key_variable={self.key_variable}: this environment variable is not set; set it to the API key'
            )
        if not key.isascii() or not key.isprintable():
            raise UserError(
                f'key_variable={self.key_variable}: the key in this environment variable has '
                'characters that an HTTP header cannot have'
            )
        return key
