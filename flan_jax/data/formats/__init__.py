"""Prompt formats: what stands before, between and after."""
