"""Reports: what was run and what came of it, as one page and as JSON."""
