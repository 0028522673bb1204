"""Registers the catalogue with SeqIO: `--module_import=flan_jax.tasks.registered` for SeqIO's own tools.

This is a separate module because SeqIO imports TensorFlow, which takes ten times as long as importing the catalogue.
"""

import flan_jax.tasks  # noqa: F401
from flan_jax import catalogue
from flan_jax.data import registry

registry.register(catalogue.DATASETS.values())
registry.register_mixtures()
