"""A real Kubernetes for tests and the demo, started from nothing on one Linux machine: `python -m devcluster`.

README.md beside this file lists its parts and what needs root. This package imports none of the product's packages.
"""
