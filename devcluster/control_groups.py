"""The kernel's control groups, in both versions of their file system."""

import errno
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """Return the roots of the control group hierarchies: one in version 2, one for each controller in version 1."""
    if (_ROOT / "cgroup.controllers").exists():
        return [_ROOT]
    return [path for path in _ROOT.glob("*") if path.is_dir() and not path.is_symlink()]


def may_be_made() -> bool:
    """Return whether this process can make control groups, by making one."""
    return any(hierarchies()) and all(_is_made_and_removed(root / f"tts-probe-{os.getpid()}") for root in hierarchies())


def removed(group: Path) -> bool:
    """Remove a control group with those in it, innermost first. Return False while a process in it still ends."""
    try:
        for inner in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
            inner.rmdir()
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _is_made_and_removed(group: Path) -> bool:
    try:
        group.mkdir()
        group.rmdir()
    except OSError:
        return False
    return True
