"""The Instruction Following Score: how often a model answers, rather than going on with what it was given."""
