"""What the numbers of a batch should be: one objective a file."""
