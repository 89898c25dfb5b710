"""Writing the small images that the cluster itself runs: one static program on nothing."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

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
    manifest = {"schemaVersion": 2, "config": config_descriptor, "layers": [layer_descriptor]}
    manifest_descriptor = _add(blobs, "manifest.v1+json", manifest)
    manifest_descriptor["annotations"] = {"io.containerd.image.name": name}
    with tarfile.open(archive, "w") as tar:
        write_entry(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        write_entry(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest_descriptor]}).encode())
        for digest, blob in blobs.items():
            write_entry(tar, f"blobs/{digest.replace(':', '/')}", blob)


def write_entry(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add one file to an archive."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _add(blobs: dict[str, bytes], kind: str, content: Mapping[str, object]) -> dict[str, object]:
    blob = json.dumps(content).encode()
    blobs[_digest(blob)] = blob
    return _describe(kind, blob)


def _describe(kind: str, blob: bytes) -> dict[str, object]:
    image = "application/vnd.oci.image"
    return {"mediaType": f"{image}.{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
