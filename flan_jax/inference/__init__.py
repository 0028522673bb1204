"""What a model is used for: log-probabilities of options, and generated answers."""
