"""From declared datasets to tokenised examples: everything that needs TensorFlow."""
