"""Inference: log-probabilities of options, rewards, and generated answers."""
