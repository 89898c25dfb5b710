"""Tells whether nodes can run on this machine for this user, before anything is built for them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from devcluster import control_groups


def why_no_nodes() -> str | None:
    """Return why nodes cannot run here and what they need, as one sentence; nothing if they can."""
    return next((why for holds, why in _NEEDS if not holds()), None)


def _namespaces_can_be_made() -> bool:
    command = "unshare --net --mount --pid --fork --mount-proc mount -t tmpfs tmpfs /run"
    run = subprocess.run(command.split(), capture_output=True, check=False)
    return run.returncode == 0


# In this order, since the later ones rely on the earlier.
_NEEDS: tuple[tuple[Callable[[], bool], str], ...] = (
    (lambda: sys.platform == "linux", "Pods run on Linux only."),
    (lambda: os.geteuid() == 0, "Pods need root: sudo gives it."),
    (
        lambda: all(map(shutil.which, ("apt-get", "dpkg-deb", "unshare"))),
        "The embedded cluster is made of Debian's packages, and this system has no apt-get.",
    ),
    (
        _namespaces_can_be_made,
        "Pods need mounts and network namespaces, which root may not make here: a container needs --privileged for it.",
    ),
    (
        control_groups.may_be_made,
        "Pods need control groups, which root may not make here: a container needs --privileged for it.",
    ),
)
