"""Training objectives: losses and their metrics, one objective per file."""
