"""Voices that were imported from other programs, spoken by ONNX Runtime. How they are imported is in
``serving.importing``."""
