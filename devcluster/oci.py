"""Writes image archives in the OCI format: of a single static program, and of an image that was built elsewhere."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO

_IMAGE = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_program_image(archive: Path, name: str, program: Path) -> None:
    """Write an OCI archive of an image called `name` whose entry point is `program`, run as user 65534."""
    layer_file = io.BytesIO()
    with tarfile.open(fileobj=layer_file, mode="w") as layer:
        entry = tarfile.TarInfo(program.name)
        entry.mode = 0o755
        entry.size = program.stat().st_size
        with program.open("rb") as content:
            layer.addfile(entry, content)
    blobs = {_digest(layer_file.getvalue()): layer_file.getvalue()}
    layer_descriptor = _describe("layer.v1.tar", layer_file.getvalue())
    config = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"], "User": "65534:65534"},
        "rootfs": {"type": "layers", "diff_ids": [layer_descriptor["digest"]]},
    }
    config_descriptor = _add(blobs, "config.v1+json", config)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{_IMAGE}.manifest.v1+json",
            "config": config_descriptor,
            "layers": [layer_descriptor],
        }
    ).encode()
    with archive.open("wb") as stream, tarfile.open(fileobj=stream, mode="w|") as tar:
        _write_index(tar, name, manifest)
        for digest, blob in blobs.items():
            _write_entry(tar, _path(digest), blob)


def write_image(stream: IO[bytes], name: str, manifest: bytes, blobs: Path, without: Collection[str]) -> None:
    """Write an OCI archive of an image whose blobs lie in the folder `blobs`, leaving out the digests in `without`.

    containerd takes such an archive when it has the rest already, since it looks blobs up by their digests.
    """
    content = json.loads(manifest)
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        _write_index(tar, name, manifest)
        for digest in (blob["digest"] for blob in (content["config"], *content["layers"])):
            if digest not in without:
                tar.add(blobs / digest.removeprefix("sha256:"), _path(digest))


def _write_index(tar: tarfile.TarFile, name: str, manifest: bytes) -> None:
    descriptor = _describe("manifest.v1+json", manifest) | {"annotations": {"io.containerd.image.name": name}}
    _write_entry(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    _write_entry(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode())
    _write_entry(tar, _path(_digest(manifest)), manifest)


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _write_entry(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _add(blobs: dict[str, bytes], kind: str, content: Mapping[str, object]) -> dict[str, object]:
    blob = json.dumps(content).encode()
    blobs[_digest(blob)] = blob
    return _describe(kind, blob)


def _describe(kind: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": f"{_IMAGE}.{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
