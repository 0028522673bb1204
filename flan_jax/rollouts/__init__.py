"""A model's own answers while it learns: drawn, rewarded, kept on disk, and made into batches."""
