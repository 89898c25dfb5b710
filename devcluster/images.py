"""The project's own images, built from images/*.Containerfile on a machine that can reach no image registry.

The base that the Containerfiles name is made here from Debian's packages; buildah does the rest.
Needs root. Handing images to nodes is not here.
"""

import configparser
import contextlib
import dataclasses
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from devcluster import parts
from devcluster.cache import built_once, cache_folder, content_key, locked, say
from devcluster.commands import PartsError, run
from devcluster.timing import timed

_CHECKOUT = Path(__file__).parents[1]
_DEBIAN = "trixie"
# What Debian's own slim image leaves out too.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*")
_KEPT_BUILDS = 5
# Where buildah remembers what registries have. It cannot be told another place.
_BUILDAH_CACHE = Path("/var/lib/containers/cache")
# The settings of the machine's pip that say where packages come from and how that is reached.
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout", "retries")


@dataclasses.dataclass(frozen=True)
class Image:
    """A built image: its full name, and its manifest. The blobs it consists of lie in the blob folder by digest."""

    name: str
    manifest: bytes

    def blobs(self) -> list[str]:
        """Return the digests of all blobs, without the algorithm's name."""
        content = json.loads(self.manifest)
        return [blob["digest"].removeprefix("sha256:") for blob in (content["config"], *content["layers"])]


@dataclasses.dataclass(frozen=True)
class Images:
    """The full names of the project's images."""

    operator: str
    workload: str


@dataclasses.dataclass(frozen=True)
class _Recipe:
    """What an image is built from: its Containerfile, and all that the Containerfile copies."""

    role: str
    containerfile: str
    lock: str
    code: tuple[str, ...]

    def name(self) -> str:
        """Return the name of the image that is built from the checkout as it is now."""
        return f"localhost/tts-{self.containerfile}:dev-{self._key(*self.code)}"

    def environment_key(self) -> str:
        """Return a key of all but the code: images with the same one share all large layers."""
        return self._key()

    def _key(self, *code: str) -> str:
        files = [f"images/{self.containerfile}.Containerfile", f"requirements/{self.lock}.txt", *code]
        return content_key(_base_key(), *(_CHECKOUT / name for name in files))


_RECIPES = (
    _Recipe("operator", "operator", "operator", ("crds/tts_api", "operator/tts_operator")),
    # With what speaks imported voices: the tests have pods speak some.
    _Recipe("workload", "workload-cpu", "workload-onnx", ("crds/tts_api", "workloads/tts_workloads")),
)


def build() -> Images:
    """Return the names of the images, which are built now where something they are built from has changed.

    From nothing it takes about 3 minutes of one core; after a change of code, about 10 seconds. The tag is made of
    everything that went in, so two different builds never share a name. Raises PartsError.
    """
    if os.geteuid() != 0:
        raise PartsError("building images needs root: buildah unpacks and mounts file systems")
    with locked("images"):
        built = Images(**{recipe.role: _image(recipe).name for recipe in _RECIPES})
        for folder in (_BUILDAH_CACHE, _BUILDAH_CACHE.parent):
            with contextlib.suppress(OSError):  # somebody else's files are in it
                folder.rmdir()
        return built


def current() -> list[Image]:
    """Return those images of the checkout as it is now that are built already."""
    return [image for recipe in _RECIPES if (image := find(recipe.name()))]


def find(name: str) -> Image | None:
    """Return the built image of that name, if the cache has it."""
    record = _record(name)
    return Image(name, record.read_bytes()) if record.exists() else None


def environment_key() -> str:
    """Return a key of everything large in the images: it stays the same when only the project's code changes."""
    return content_key(*(recipe.environment_key() for recipe in _RECIPES))


def blob_folder() -> Path:
    """Return the folder of all images' blobs, named by their SHA-256."""
    return _store() / "blobs"


def _base_key() -> str:
    return content_key(_DEBIAN, *_LEFT_OUT, platform.machine())


def _store() -> Path:
    return cache_folder() / "images"


def _image(recipe: _Recipe) -> Image:
    name = recipe.name()
    if built := find(name):
        return built
    base = built_once("debian", _base_key(), _make_base)
    with timed(f"Image of the {recipe.role}: build"):
        return _build_image(recipe, name, base)


def _record(name: str) -> Path:
    return _store() / "manifests" / name.replace("/", "_")


def _make_base(target: Path) -> None:
    """Make the root file system that debian:trixie-slim would be, from the mirror that this machine's apt uses."""
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    options.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
    mirror = _debian_mirror()
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=minbase", *options, _DEBIAN, target / "rootfs.tar"]
    with timed(f"Base image, Debian {_DEBIAN}: make"):
        _run([*command, mirror] if mirror else command)


def _debian_mirror() -> str | None:
    """Return the address of the Debian archive in the machine's own sources, if they have one."""
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    addresses = subprocess.run(targets, capture_output=True, text=True, check=False).stdout.split()
    return next((address for address in addresses if address.rstrip("/").endswith("/debian")), None)


def _build_image(recipe: _Recipe, name: str, base: Path) -> Image:
    store = _store()
    # What a killed build left: mounts went with its namespace, but not its containers and half-copied blobs.
    for folder in ("run", "push", "temporary"):
        shutil.rmtree(store / folder, ignore_errors=True)
    for folder in ("blobs", "manifests", "root/.config/pip", "root/.cache", "temporary"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    _buildah("rm", "--all")
    base_name = f"localhost/debian:{base.name.removeprefix('debian-')}"
    if not _has_image(base_name):
        container = _buildah("from", "scratch").strip()
        _buildah("add", "--quiet", container, base / "rootfs.tar", "/")
        _buildah("commit", "--quiet", "--rm", container, base_name)
    _configure_pip(store / "root")
    file = _CHECKOUT / f"images/{recipe.containerfile}.Containerfile"
    # The volume is where pip in the build looks for its settings; nothing of it gets into the image.
    options = [
        "--layers",
        "--jobs=2",
        "--pull-never",
        f"--build-arg=BASE={base_name}",
        f"--build-arg=REQUIREMENTS=requirements/{recipe.lock}.txt",
        f"--volume={store / 'root'}:/root",
    ]

    def show(line: str) -> None:
        if " STEP " in line:
            say(f"images: {recipe.role} {line.strip()[:100]}")

    _buildah("bud", *options, "--file", file, "--tag", name, _CHECKOUT, on_line=show)
    _buildah("push", "--quiet", "--disable-compression", "--format=oci", name, f"dir:{store / 'push'}")
    image = Image(name, (store / "push/manifest.json").read_bytes())
    for digest in image.blobs():
        (store / "push" / digest).replace(store / "blobs" / digest)
    # The record is written last and at once: an image with a record is whole.
    (store / "push/manifest.json").replace(_record(name))
    _prune(f"localhost/tts-{recipe.containerfile}")
    return image


def _prune(repository: str) -> None:
    """Forget all but the newest builds of an image. Nodes keep what they have."""
    records = sorted((_store() / "manifests").iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    same = [record for record in records if record.name.startswith(repository.replace("/", "_") + ":")]
    for record in same[_KEPT_BUILDS:]:
        record.unlink()
        with contextlib.suppress(PartsError):  # a killed run may have removed it already
            _buildah("rmi", record.name.replace("_", "/", 1))
    kept = {digest for record in records if record.exists() for digest in Image("", record.read_bytes()).blobs()}
    for blob in blob_folder().iterdir():
        if blob.name not in kept:
            blob.unlink()


def _has_image(name: str) -> bool:
    with contextlib.suppress(PartsError):
        _buildah("inspect", "--type=image", "--format={{.FromImageID}}", name)
        return True
    return False


def _buildah(*arguments: str | Path, on_line: Callable[[str], None] = lambda _: None) -> str:
    """Run buildah on a storage of its own, in a mount namespace of its own: killed, it leaves no mount behind.

    buildah starts itself again without LD_LIBRARY_PATH, so in that namespace its libraries are mounted over the
    system's.
    """
    packages = parts.packages()
    store = _store()
    _BUILDAH_CACHE.mkdir(parents=True, exist_ok=True)
    configuration = store / "home/.config"
    configuration.mkdir(parents=True, exist_ok=True)
    (configuration / "containers").unlink(missing_ok=True)
    (configuration / "containers").symlink_to(packages / "etc/containers")
    triplet = next(packages.glob("usr/lib/*-linux-gnu*")).name
    libraries = f"/usr/lib/{triplet}"
    variables = {"BUILDAH_ISOLATION": "chroot", "HOME": str(store / "home"), "TMPDIR": str(store / "temporary")}
    script = (
        f"mount -t overlay overlay -o lowerdir={packages}{libraries}:{libraries} {libraries}"
        f" && mount -t tmpfs tmpfs {_BUILDAH_CACHE}"
        ' && exec buildah --root "$0/storage" --runroot "$0/run" --storage-driver overlay "$@"'
    )
    return _run(["unshare", "--mount", "sh", "-c", script, store, *arguments], variables, on_line)


def _configure_pip(root: Path) -> None:
    """Let pip in a build reach packages as this machine's pip does: index, proxy, certificates."""
    settings: dict[str, str] = {}
    for path in ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", os.environ.get("PIP_CONFIG_FILE", "")):
        file = configparser.RawConfigParser()
        file.read(Path(path).expanduser() if path else [])
        settings |= dict(file["global"]) if "global" in file else {}
    settings |= {
        name: os.environ[key]
        for name in _PIP_SETTINGS
        if (key := f"PIP_{name.upper().replace('-', '_')}") in os.environ
    }
    chosen = {name: value for name, value in settings.items() if name in _PIP_SETTINGS}
    if "cert" in chosen:
        shutil.copy(chosen["cert"], root / ".config/pip/certificates.pem")
        chosen["cert"] = "/root/.config/pip/certificates.pem"
    lines = ["[global]", "disable-pip-version-check = true", "root-user-action = ignore"]
    lines += [f"{name} = {value}" for name, value in chosen.items()]
    (root / ".config/pip/pip.conf").write_text("\n".join(lines) + "\n")


def _run(
    command: Sequence[str | Path],
    variables: Mapping[str, str] = MappingProxyType({}),
    on_line: Callable[[str], None] = lambda _: None,
) -> str:
    packages = parts.packages()
    path = f"{packages}/usr/sbin:{packages}/usr/bin:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return run(command, env=os.environ | {"PATH": path} | dict(variables), on_line=on_line)
