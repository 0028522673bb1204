"""The chat template that came with a model, where one did."""

import json

from etils import epath

from flan_jax.data.formats.chat_template import CONFIG_FILE, TEMPLATE_FILE, ChatTemplate


def chat_template_beside(folder: epath.PathLike) -> ChatTemplate | None:
    """The chat template in the folder of a Hugging Face tokenizer; None where it has none.

    Raises:
      ChatTemplateError: for one that nothing can be learned from.
    """
    folder = epath.Path(folder)
    if (folder / TEMPLATE_FILE).exists():
        return ChatTemplate(str(folder))
    config = folder / CONFIG_FILE
    has_one = config.exists() and json.loads(config.read_text()).get('chat_template')
    return ChatTemplate(str(folder)) if has_one else None
