"""Measures how good a voice sounds: how much a recogniser understands, and what people would think of it. Needs
the extra ``quality``."""
