"""Safe access to the files of a folder of Hugging Face's transformers."""

import pathlib

from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import in_bucket

SNAPSHOTS, BLOBS = 'snapshots', 'blobs'
"""A model in Hugging Face's cache: each file of snapshots/REVISION is a link into blobs beside snapshots."""


class ConversionError(UserError):
    """A model cannot be converted; the message lists every reason at once."""


def own_file(folder: epath.Path, name: str) -> epath.Path:
    """The path of a folder's file.

    Raises:
      ConversionError: if the name leads out of the folder, or the file is a link to a target that is neither in the
        folder nor, in Hugging Face's cache, among the model's blobs: copying it could leak other files of the user.
    """
    path = folder / name
    if in_bucket(folder):
        inside = '..' not in epath.Path(name).parts and not name.startswith('/')
        target = path
    else:
        target, whole = pathlib.Path(path).resolve(), pathlib.Path(folder).resolve()
        homes = [whole, whole.parent.parent / BLOBS] if whole.parent.name == SNAPSHOTS else [whole]
        inside = any(home in target.parents for home in homes)
    if not inside:
        raise ConversionError(f'{path} leads to {target}, outside of the folder; copy the file into the folder')
    return path
