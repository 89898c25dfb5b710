"""The training loop and its parts: steps, ranks, precision, validation, checkpoints."""
