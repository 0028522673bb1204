"""Open models in and out: folders as Hugging Face's transformers keeps them, to and from the project's checkpoints."""
