"""Fetches distribution packages with what they need, and unpacks them into a folder without installing them."""

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcluster.cache import built_folder, built_once, content_key, say
from devcluster.commands import PartsError, run
from devcluster.timing import timed


def unpacked(name: str, packages: Mapping[str, str]) -> Path:
    """Return the cached folder of this name with the packages in it, fetched now where the cache lacks it.

    ``packages`` are versions by name. Point releases replace versions in the archive. Instead of a version that is gone
    this fetches the one that is there, and prints so. Raises PartsError.
    """

    def fetch(target: Path) -> None:
        with timed(f"Debian packages ({name}): download and unpack"):
            _fetch(name, packages, target)

    return built_once(name, _key(packages), fetch)


def are_unpacked(name: str, packages: Mapping[str, str]) -> bool:
    """Return whether the cache has the folder that `unpacked` returns."""
    return built_folder(name, _key(packages)).is_dir()


def _key(packages: Mapping[str, str]) -> str:
    release = Path("/etc/os-release").read_text()
    pins = "\n".join(f"{package}={version}" for package, version in packages.items())
    return content_key(release, pins, platform.machine())


def _fetch(name: str, packages: Mapping[str, str], target: Path) -> None:
    # The machine's own lists first; where they are missing or old, lists of our own, which need no root.
    lists = target / "apt/lists"
    (lists / "partial").mkdir(parents=True)
    own = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={target}/apt", "-o", "Debug::NoLocking=1"]
    try:
        _download(name, packages, [], target)
    except PartsError:
        say(f"{name}: the machine's package lists are missing or old, fetching lists")
        # One source that cannot be reached must not stop the others: the download will say what is missing.
        subprocess.run(["apt-get", "update", *own], capture_output=True, check=False)
        _download(name, packages, own, target)
    for archive in sorted(target.glob("*.deb")):
        run(["dpkg-deb", "-x", str(archive), str(target)])
        archive.unlink()
    shutil.rmtree(target / "apt")


def _download(name: str, packages: Mapping[str, str], options: Sequence[str], target: Path) -> None:
    # What is not installed of the dependencies comes along; what is installed is used from where it is.
    simulated = run(["apt-get", "-s", "--reinstall", "--no-install-recommends", *options, "install", *packages])
    versions = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", simulated, re.MULTILINE))
    if missing := set(packages) - set(versions):
        raise PartsError(f"apt offers no {', '.join(sorted(missing))}: add a source that has them")
    for package, version in packages.items():
        if versions[package] == version:
            continue
        offered = run(["apt-cache", *options, "madison", package])
        if f" {version} " in offered:
            versions[package] = version
        else:
            say(f"{name}: {package} {version} is no longer offered, using {versions[package]}")
    wanted = [f"{package}={version}" for package, version in versions.items()]
    run(["apt-get", "download", "-qq", *options, *wanted], cwd=target)
