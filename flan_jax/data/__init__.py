"""From declared datasets to packed examples: everything that needs TensorFlow."""
