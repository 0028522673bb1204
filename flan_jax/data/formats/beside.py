"""The chat template in a model's folder."""

from etils import epath

from flan_jax.data.formats.chat_template import CONFIG_FILE, TEMPLATE_FILE, ChatTemplate
from flan_jax.files import read_json


def chat_template_beside(folder: epath.PathLike) -> ChatTemplate | None:
    """The chat template in the folder of a Hugging Face tokenizer; None if there is none.

    Raises:
      ChatTemplateError: if the template cannot be used for training.
    """
    folder = epath.Path(folder)
    if (folder / TEMPLATE_FILE).exists():
        return ChatTemplate(str(folder))
    config = folder / CONFIG_FILE
    has_one = config.exists() and read_json(config, 'fetch it again').get('chat_template')
    return ChatTemplate(str(folder)) if has_one else None
