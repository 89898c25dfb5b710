"""Settings of all tests. The fixtures of the clusters are in ``tests.fixtures``."""

from __future__ import annotations

import os
from typing import Any

from tests.case_ids import case_id

# Each worker of pytest-xdist computes on a core of its own: threads of several would spin and wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["tests.fixtures"]

# An exported KUBECONFIG is often production: no test may ever find it by accident.
os.environ.pop("KUBECONFIG", None)


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Name the cases of tables by their content."""
    return case_id(val)
