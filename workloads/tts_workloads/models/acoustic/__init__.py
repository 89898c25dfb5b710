"""Acoustic models: from symbols to what a vocoder is given. Each model is one folder."""
