"""Brings images to a cluster: builds them, puts them into the seed, and hands them to nodes that run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devcluster import images, parts, seed
from devcluster.cache import say
from devcluster.images import Images
from devcluster.runtime import Runtime

_NODES = "nodes/*/pid"


def deliver(state: Path) -> Images:
    """Build parts and images side by side, and hand the images to the nodes that run in `state`; else to the seed.

    Raises PartsError, and ClusterError if a node refuses.
    """
    nodes_run = any(state.glob(_NODES))

    def build() -> Images:
        built = images.build()
        if not nodes_run:
            seed.fill(parts.packages(), images.current())
        return built

    with ThreadPoolExecutor() as pool:
        building = pool.submit(build)
        parts.build()
        built = building.result()
    if nodes_run:
        _load_images(state)
    return built


def load_archive(state: Path, archive: Path) -> None:
    """Put an image archive into the image store of each node that runs in `state`. Raises ClusterError."""
    for node in _runtimes(state):
        node.load_archive(archive)


def _load_images(state: Path) -> None:
    for node in _runtimes(state):
        for image in images.current():
            node.load(image)
            say(f"images: {node.name} has {image.name}")


def _runtimes(state: Path) -> list[Runtime]:
    return [Runtime.running(path.parent, parts.build().environment()) for path in sorted(state.glob(_NODES))]
