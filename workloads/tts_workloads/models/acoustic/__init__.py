"""Acoustic models: from symbols to frames, and how they are trained."""
