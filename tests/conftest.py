"""What every test can ask for. The clusters come from ``tests.cluster.fixtures``."""

from __future__ import annotations

import os

pytest_plugins = ["tests.cluster.fixtures"]

# An exported KUBECONFIG is often production: no test may ever find it by accident.
os.environ.pop("KUBECONFIG", None)
