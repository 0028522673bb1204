"""Tunings: which parameters are trained, and how they combine with the frozen ones; one tuning per file."""
