"""A real Kubernetes for tests and the demo, started from nothing on one Linux machine: `python -m devcluster`.

What it is made of and what needs root is told in README.md beside this file.
"""
