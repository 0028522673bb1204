"""Which rows share text with others: rows on disk, shingles of words, and what is found of evaluated rows."""
