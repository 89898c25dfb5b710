"""Acoustic models: from symbols to mel frames, and how they are trained."""
