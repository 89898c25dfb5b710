"""The synthesis side of serving: the voice, the engine that batches, and sound formats."""
