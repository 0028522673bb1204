"""Models that others serve: asked over HTTP as OpenAI's clients do, at a known cost, each question once."""
