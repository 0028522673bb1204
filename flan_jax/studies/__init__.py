"""Runs that together answer a question of a paper."""
