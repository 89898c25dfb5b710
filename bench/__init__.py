"""Benchmark programs. Each is run by one documented command and prints its table; results are kept in README.md."""
