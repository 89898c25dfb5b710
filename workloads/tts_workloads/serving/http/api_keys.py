"""API keys, which clients need to call the API. They are files in a folder, as Kubernetes mounts a Secret, and are read
again every few seconds, so that a changed Secret needs no restart."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

READ_SECONDS = 5.0
"""The keys are read again when they are older than this."""
SCHEME = "bearer "


class ApiKeyFolder:
    """The keys in a folder. Each file holds one key, and the file's name is the holder's."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the keys. Raises OSError where the folder cannot be read."""
        self._folder, self._clock = folder, clock
        self._keys, self._read_at = self._read(), clock()

    def holder(self, authorization: str | None) -> str | None:
        """Return the name of the key in the header ``Authorization: Bearer KEY``; None where that is no valid key.

        The time that this takes does not depend on which key it is, nor on how much of it is right.
        """
        if authorization is None or authorization[: len(SCHEME)].lower() != SCHEME:
            return None
        given = authorization[len(SCHEME) :].strip().encode()
        found = None
        for name, key in self._current().items():
            found = name if hmac.compare_digest(key, given) else found
        return found

    def _current(self) -> dict[str, bytes]:
        if self._clock() - self._read_at >= READ_SECONDS:
            self._read_at = self._clock()
            try:
                self._keys = self._read()
            except OSError as error:  # the keys that were read before stay valid
                log.warning("the API keys cannot be read again: %s", error)
        return self._keys

    def _read(self) -> dict[str, bytes]:
        # Kubernetes adds folders and links whose names begin with a dot.
        files = sorted(path for path in self._folder.iterdir() if not path.name.startswith(".") and path.is_file())
        keys = {path.name: path.read_bytes().strip() for path in files}
        return {name: key for name, key in keys.items() if key}
