"""Sampling rates of the datasets of a mixture, one scheme per file."""
