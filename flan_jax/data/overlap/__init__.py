"""Overlaps of texts: which rows of evaluated datasets share text with training data or other corpora."""
