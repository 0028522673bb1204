"""Metrics over predictions, their confidence intervals, and tests of their differences."""
