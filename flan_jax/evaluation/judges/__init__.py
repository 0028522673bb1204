"""Judges: scores of records and comparisons of answers, one kind of judge per file."""
