"""How often each dataset of a mixture is sampled, each way in a file of its own."""
