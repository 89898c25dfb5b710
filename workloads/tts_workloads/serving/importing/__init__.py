"""Makes a voice of a model that people already have: Kokoro with its voice packs, or a Piper voice. What speaks it is
in ``serving.synthesis.imported``."""
