"""What moves in training, and how it joins what is frozen: one tuning a file."""
