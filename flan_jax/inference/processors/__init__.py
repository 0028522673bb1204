"""Logits processors: rules between the decoder's logits and the choice of the next token, one a file."""
