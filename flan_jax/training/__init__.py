"""Learning from packed sequences: the step, the loop, checkpoints, and what a run says while it goes."""
