"""Models behind OpenAI-compatible HTTP endpoints, with cost estimates and replies cached on disk."""
