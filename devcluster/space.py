"""What the parts take on the disk: what is still to be made, before it is begun, and what lies there afterwards."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devcluster import parts, seed
from devcluster.cache import cache_folder
from devcluster.commands import PartsError

_GIGABYTE = 1e9
# Measured on x86-64. What is deleted once a part is complete counts too.
_PROGRAMS = 0.3
_GO_CACHES = 4.6
_PACKAGES = 0.2
_IMAGES = 5.5
_RUN = 0.5
# The Python environments, by the lock that each is installed from.
_VENVS = {"dev": ("venv", 8.5), "demo": ("venv-demo", 0.7)}
_LOCKS = Path(__file__).parents[1] / "requirements"


@dataclass(frozen=True)
class Need:
    """A part that is to be made, and the gigabytes (10^9 bytes) that it takes at most while it is made."""

    part: str
    gigabytes: float


def needed(*, lock: str, images_too: bool, programs_too: bool = True) -> list[Need]:
    """Return what the cache lacks: the Python environment of a lock (`dev` or `demo`), and programs and images if they
    are wanted.

    It reads the cache and changes nothing.
    """
    to_compile = programs_too and not parts.programs_are_built()
    everything = [
        (to_compile, Need("Kubernetes, Helm and CoreDNS", _PROGRAMS)),
        (to_compile and not parts.user_has_modules(), Need("Go's caches (deleted afterwards)", _GO_CACHES)),
        (programs_too and not parts.packages_are_unpacked(), Need("Debian's packages", _PACKAGES)),
        (images_too and not seed.is_filled(), Need("images and the nodes' copy of them", _IMAGES)),
        (not _is_installed(lock), Need("Python packages", _VENVS[lock][1])),
        (True, Need("cluster and results", _RUN)),
    ]
    return [need for is_missing, need in everything if is_missing]


def check(needs: Iterable[Need]) -> str:
    """Return one line that says what is needed and free. Raises PartsError if that is not enough."""
    needs = list(needs)
    folder = next(path for path in (cache_folder(), *cache_folder().parents) if path.exists())
    total, free = sum(need.gigabytes for need in needs), shutil.disk_usage(folder).free / _GIGABYTE
    listed = ", ".join(f"{need.part} {need.gigabytes:.1f}" for need in needs)
    if free < total:
        raise PartsError(
            f"{cache_folder()} has {free:.1f} GB free and needs {total:.1f} GB ({listed}): make room there, or name a "
            "folder elsewhere in XDG_CACHE_HOME"
        )
    return f"{total:.1f} GB will be written to {cache_folder()} ({listed}); {free:.1f} GB are free"


def taken() -> dict[str, int]:
    """Return the bytes on the disk of each part in the cache, by its folder's name. A file with many names counts once,
    with the first."""
    seen: set[tuple[int, int]] = set()
    folders = [folder for parent in (cache_folder(), cache_folder() / "cluster") for folder in _folders(parent)]
    return {folder.name: sum(_sizes(folder, seen)) for folder in folders if folder.name != "cluster"}


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*/"))


def _sizes(folder: Path, seen: set[tuple[int, int]]) -> Iterator[int]:
    for path, _, names in os.walk(folder):
        for name in names:
            status = (Path(path) / name).lstat()
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield status.st_blocks * 512


def environment_folder(lock: str) -> Path:
    """Return where tools/venv installs the Python environment of a lock; `.complete` in it says that it is whole."""
    digest = hashlib.sha256((_LOCKS / f"{lock}.txt").read_bytes()).hexdigest()[:16]
    return cache_folder() / f"{_VENVS[lock][0]}-{digest}"


def _is_installed(lock: str) -> bool:
    return (environment_folder(lock) / ".complete").exists()
