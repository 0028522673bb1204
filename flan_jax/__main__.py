"""`python -m flan_jax` runs `flan-jax`."""

from flan_jax.command.main import entry_point

entry_point()
