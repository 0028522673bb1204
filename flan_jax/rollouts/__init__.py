"""Reinforcement learning: sample answers, reward them, store them on disk, and make them into batches."""
