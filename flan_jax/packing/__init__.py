"""Examples share sequences of a fixed length, kept apart by structure, in a stream on disk."""
