"""Packed sequences for people: their tokens, how they hang together, and what a stream is made of."""
