"""The Instruction Following Score: how often a model answers, instead of continuing the prompt."""
