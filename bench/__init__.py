"""Benchmark programs. One documented command runs each of them and prints a table. Results are kept in README.md."""
