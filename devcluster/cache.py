"""The project's folder in the user's cache: each thing is built once, under a key of what it is built from.

How things are built is in `parts`, `images` and `seed`.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_START = time.monotonic()


def say(message: str) -> None:
    """Print one line of progress with the seconds since this program began.

    It is one write, so lines of several threads never mix.
    """
    sys.stderr.write(f"[{time.monotonic() - _START:5.0f} s] {message}\n")
    sys.stderr.flush()


def cache_folder() -> Path:
    """Return the project's folder in the user's cache; it is shared by all checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tts-operator"


def content_key(*ingredients: str | bytes | Path) -> str:
    """Return 12 hex digits that change when any ingredient does. A folder counts with its files' names and content."""
    digest = hashlib.sha256()
    for ingredient in ingredients:
        for name, content in _contents(ingredient):
            for piece in (name, content):
                digest.update(len(piece).to_bytes(8, "big"))
                digest.update(piece)
    return digest.hexdigest()[:12]


def _contents(ingredient: str | bytes | Path) -> Iterator[tuple[bytes, bytes]]:
    if isinstance(ingredient, str):
        yield b"", ingredient.encode()
    elif isinstance(ingredient, bytes):
        yield b"", ingredient
    elif ingredient.is_dir():
        for path in sorted(ingredient.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(ingredient)).encode(), path.read_bytes()
    else:
        yield ingredient.name.encode(), ingredient.read_bytes()


@contextlib.contextmanager
def locked(name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock `name` among all processes of this user; it ends with the process, however that ends.

    Several processes that only read may hold a ``shared`` lock at a time; one that writes waits for all of them.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that works on {name}")
            fcntl.flock(file, kind)
        yield


def built_folder(name: str, key: str) -> Path:
    """Return where `built_once` puts a thing. The folder exists as soon as the thing is complete."""
    return cache_folder() / "cluster" / f"{name}-{key}"


def built_once(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder `name`-`key`, built now if it is not there.

    `build` fills a folder of another name, which is renamed when it is whole: what exists under the
    final name is complete, and a killed build leaves only rubbish that the next one removes.
    """
    target = built_folder(name, key)
    if target.is_dir():
        return target
    with locked(name):
        if target.is_dir():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        for rubbish in target.parent.glob(f"{name}-*.unfinished"):
            shutil.rmtree(rubbish)
        unfinished = target.with_name(target.name + ".unfinished")
        unfinished.mkdir()
        build(unfinished)
        unfinished.rename(target)
    return target
