"""The catalogue in SeqIO's registries: `--module_import=flan_jax.tasks.registered` for SeqIO's own tools.

It is a module of its own because SeqIO brings TensorFlow, which takes ten times as long to import as the catalogue.
"""

import flan_jax.tasks  # noqa: F401
from flan_jax import catalogue
from flan_jax.data import registry

registry.register(catalogue.DATASETS.values())
registry.register_mixtures()
