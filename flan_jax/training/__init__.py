"""Training on packed sequences: the step, the loop, checkpoints, validation and metrics."""
