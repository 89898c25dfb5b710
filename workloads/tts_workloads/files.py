"""Writes files so that each is complete or absent even after a crash, and computes digests of files. The callers decide
on the content."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tts_workloads.exits import StorageFull


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that a crash at any instruction leaves either the whole file or what was there before.

    Raises StorageFull where the volume has no room; the unfinished file is removed then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        unfinished.unlink(missing_ok=True)
        # torch wraps a failed write in a RuntimeError that has the cause as its context.
        full = (error, error.__context__, error.__cause__)
        if any(isinstance(e, OSError) and e.errno in {errno.ENOSPC, errno.EDQUOT} for e in full):
            raise StorageFull(
                f"{path} could not be written: the checkpoint volume is full. What was saved before is still there"
            ) from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes as ``write_whole`` does."""
    write_whole(path, lambda file: file.write(content))


def sync_folder(folder: Path) -> None:
    """Flush the folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
