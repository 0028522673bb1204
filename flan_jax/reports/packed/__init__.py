"""Views of packed sequences: their tokens, their trees, and statistics of a stream."""
