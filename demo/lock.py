"""Keeps two demos out of one checkout: they would write the same folder and use the same cluster."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
from pathlib import Path

FILE = ".lock"


class Refused(Exception):
    """The demo does not start; the message says why and what to do."""


def take(output: Path) -> int:
    """Lock the folder ``output``, which is made, and return the open file's descriptor. The lock ends with the process,
    however that ends, and outlives an ``exec``. Raises Refused with the id of the process that holds it."""
    try:
        output.mkdir(exist_ok=True)
        descriptor = os.open(output / FILE, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError:
        if not output.exists():
            owner = _owner(output.parent)
            raise Refused(
                f"{output.parent} cannot be written: it belongs to {owner}. Run the demo as {owner}, or in a clone of "
                "your own"
            ) from None
        owner = _owner(output)
        raise Refused(
            f"{output} cannot be written: it belongs to {owner}. Run the demo as {owner}, or delete the folder first "
            f"(sudo rm -r {output})"
        ) from None
    except FileExistsError:
        raise Refused(f"{output} is a file: delete it, the demo leaves a folder of this name") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        first = os.read(descriptor, 20).decode().strip() or "unknown"
        os.close(descriptor)
        raise Refused(
            f"another demo (process {first}) runs in this checkout: wait for it, end it with `kill {first}`, or "
            "run this one in another clone"
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    os.set_inheritable(descriptor, True)
    return descriptor


def _owner(path: Path) -> str:
    number = path.stat().st_uid
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return f"user {number}"
