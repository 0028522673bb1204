"""Evaluation: models produce records, judges score records, and scores become results."""
