"""Compiling for chips that are not here: does a step fit, and how fast could it be."""
