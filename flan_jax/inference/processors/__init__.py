"""Logits processors: functions applied to the decoder's logits before the next token is chosen, one per file."""
