"""The training loop and what it consists of: steps, precision, validation, checkpoints."""
