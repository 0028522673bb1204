"""Packing: examples share sequences of fixed length, separated by masks, in a stream on disk."""
