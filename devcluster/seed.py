"""An image store filled once and copied to every node by links, so that a node has all large layers when it starts."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from devcluster import parts
from devcluster.cache import built_folder, built_once, content_key, locked
from devcluster.images import Image, blob_folder, environment_key
from devcluster.parts import CNI_PLUGINS, environment
from devcluster.processes import alive, end, mark, wait_until
from devcluster.runtime import Runtime
from devcluster.timing import timed

_NAME = "containerd"


def fill(packages: Path, images: Iterable[Image]) -> None:
    """Make the seed if these images have none yet. It takes 20 s and needs root.

    The seed goes by what is large in the images, so a change of code needs no new one.
    """

    def build(target: Path) -> None:
        end(_NAME)  # left by one that was killed
        for folder in ("containerd", "logs"):
            (target / folder).mkdir()
        runtime = Runtime(_NAME, "seed", target, target / "logs", environment(packages))
        try:
            runtime.make_namespaces(network=False)
            pid = runtime.start_containerd(packages / CNI_PLUGINS)
            for image in images:
                runtime.load(image)
            os.kill(pid, signal.SIGTERM)
            wait_until("the end of the seed's containerd", lambda: not alive(pid), patience_s=30)
            _share_blobs(target / "containerd")
        finally:
            end(_NAME)

    def timed_build(target: Path) -> None:
        with timed("Image store of the nodes: fill"):
            build(target)

    made = built_once(_NAME, _key(packages), timed_build)
    with locked(_NAME):
        for other in made.parent.glob(f"{_NAME}-*"):
            if other != made:
                shutil.rmtree(other)  # some gigabytes; running clusters keep their links


def is_filled() -> bool:
    """Return whether the cache has the seed of the images as they are now."""
    return parts.packages_are_unpacked() and built_folder(_NAME, _key(parts.packages())).is_dir()


def _share_blobs(store: Path) -> None:
    """Make each blob that the image store and the blob folder both have one file with two names."""
    for blob in store.glob("io.containerd.content.v1.content/blobs/sha256/*"):
        twin = blob_folder() / blob.name
        if twin.exists():
            link = twin.with_name(f"{twin.name}.link")
            link.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another file system
                link.hardlink_to(blob)
                link.replace(twin)


def plant(packages: Path, target: Path, cluster_id: str) -> None:
    """Copy the seed, if there is one, to a node's folder `target`, in half a second where links can be made.

    What is linked are blobs and committed layers, which are never written again; the databases are copied.
    """
    with locked(_NAME, shared=True):
        _plant(packages, target, cluster_id)


def _plant(packages: Path, target: Path, cluster_id: str) -> None:
    seed = built_folder(_NAME, _key(packages)) / "containerd"
    if not seed.is_dir():
        target.mkdir(parents=True)
        return
    variables = os.environ | mark(cluster_id)  # a copy that outlives its parent must be found too
    linked = subprocess.run(["cp", "-al", seed, target], env=variables, capture_output=True, check=False)
    if linked.returncode:  # another file system
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", seed, target], env=variables, check=True)
    for database in target.glob("*/*.db"):
        copy = database.with_suffix(".copy")
        shutil.copy2(database, copy)
        copy.replace(database)


def _key(packages: Path) -> str:
    return content_key(environment_key(), packages.name)
