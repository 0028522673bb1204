"""When a model is tuned enough: one rule a file, which reads the curve of its Instruction Following Score."""
