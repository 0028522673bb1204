"""Stand-in until the data room's prompt formats land."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PromptFormat:
    """What stands before, between and after."""

    @property
    def name(self) -> str:
        return type(self).__name__.lower()
