"""Images on their way to a cluster: built, put into the seed, handed to nodes that run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster import images, parts, seed
from tests.cluster.cache import say
from tests.cluster.images import Images
from tests.cluster.runtime import Runtime


def deliver(state: Path) -> Images:
    """Build parts and images side by side, and hand the images to the nodes that run in `state`; else to the seed.

    Raises PartsError, and ClusterError if a node refuses.
    """
    with ThreadPoolExecutor() as pool:
        building = pool.submit(images.build)
        made_of = parts.build()
        built = building.result()
    if not load_images(state):
        seed.fill(made_of, images.current())
    return built


def load_images(state: Path) -> bool:
    """Hand the current images to the nodes that run in `state`, and say whether there was one. Raises ClusterError."""
    nodes = _runtimes(state)
    for node in nodes:
        for image in images.current():
            node.load(image)
            say(f"images: {node.name} has {image.name}")
    return bool(nodes)


def load_archive(state: Path, archive: Path) -> None:
    """Put an image archive into the image store of each node that runs in `state`. Raises ClusterError."""
    for node in _runtimes(state):
        node.load_archive(archive)


def _runtimes(state: Path) -> list[Runtime]:
    return [Runtime.running(path.parent, parts.build()) for path in sorted(state.glob("nodes/*/pid"))]
