"""An image store filled once and copied to every node by links, so that a node has all large layers when it starts."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from devcluster.cache import built_once, cache_folder, content_key, locked, say
from devcluster.images import Image, environment_key
from devcluster.parts import CNI_PLUGINS, environment
from devcluster.processes import alive, end, mark, wait_until
from devcluster.runtime import Runtime

_NAME = "containerd"


def fill(packages: Path, images: Iterable[Image]) -> None:
    """Make the seed if these images have none yet. It takes 20 s and needs root.

    The seed goes by what is large in the images, so a change of code needs no new one.
    """

    def build(target: Path) -> None:
        say("seed: filling an image store for the nodes to start from")
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
        finally:
            end(_NAME)
        say("seed: done")

    made = built_once(_NAME, _key(packages), build)
    with locked(_NAME):
        for other in made.parent.glob(f"{_NAME}-*"):
            if other != made:
                shutil.rmtree(other)  # some gigabytes; running clusters keep their links


def plant(packages: Path, target: Path, cluster_id: str) -> None:
    """Copy the seed, if there is one, to a node's folder `target`, in half a second where links can be made.

    What is linked are blobs and committed layers, which are never written again; the databases are copied.
    """
    with locked(_NAME, shared=True):
        _plant(packages, target, cluster_id)


def _plant(packages: Path, target: Path, cluster_id: str) -> None:
    seed = cache_folder() / "cluster" / f"{_NAME}-{_key(packages)}" / "containerd"
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
