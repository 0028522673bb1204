"""Stopping rules for tuning, based on the curve of the Instruction Following Score; one rule per file."""
