"""Conversion of models between folders of Hugging Face's transformers and the project's checkpoints."""
