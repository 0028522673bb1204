"""Judges: what records are worth, each kind of judge in a file of its own."""
