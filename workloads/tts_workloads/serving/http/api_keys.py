"""API keys: who may ask. They are the files of a folder, as Kubernetes mounts a Secret, and are read again when they
change there."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

READ_SECONDS = 5.0
"""How old what was read may be."""
SCHEME = "bearer "


class ApiKeyFolder:
    """The keys in a folder: each file is one, and its name is whose it is."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises OSError where the folder cannot be read."""
        self._folder, self._clock = folder, clock
        self._keys, self._read_at = self._read(), clock()

    def holder(self, authorization: str | None) -> str | None:
        """The name of the key in the header ``Authorization: Bearer KEY``; None where it has none of them. Takes as
        long whichever it has."""
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
            except OSError as error:  # the keys that were there go on being good
                log.warning("the API keys cannot be read again: %s", error)
        return self._keys

    def _read(self) -> dict[str, bytes]:
        # A mounted Secret has folders and links of its own, whose names begin with a dot.
        files = sorted(path for path in self._folder.iterdir() if not path.name.startswith(".") and path.is_file())
        keys = {path.name: path.read_bytes().strip() for path in files}
        return {name: key for name, key in keys.items() if key}
