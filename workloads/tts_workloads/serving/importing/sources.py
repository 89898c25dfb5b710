"""Reads the files that a voice is imported from, and tells which one is missing or cannot be read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput, summary
from tts_workloads.serving.synthesis.imported.kokoro import Pack, rows, unpacked
from tts_workloads.voice_file import LARGEST_PARTS_BYTES

FIRST_PACK = "af_heart"
"""The pack that speaks by default where it is there: Kokoro's own choice."""

LARGEST_BYTES = LARGEST_PARTS_BYTES
"""Larger files are not read: the file of a voice that was made from one could not be read either."""


@dataclass(frozen=True)
class Source:
    """A file that a voice is imported from."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """Its digest in lower-case hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def read_source(path: Path) -> Source:
    """Read a file. Raises BadInput with the reason ModelMissing, or UnsupportedVoice where it is too large."""
    try:
        if (size := path.stat().st_size) > LARGEST_BYTES:
            raise BadInput(
                Reason.UNSUPPORTED_VOICE,
                f"{path} has {size} bytes, and at most {LARGEST_BYTES} are read: name the file of a model",
            )
        return Source(path.name, path.read_bytes())
    except OSError as error:
        raise BadInput(Reason.MODEL_MISSING, f"{path} cannot be read: {error.strerror}: correct the path") from None


def beside(model: Path, *names: str) -> Path:
    """Return the file of the first of these names that lies beside a model. Raises BadInput with the reason
    ModelMissing where there is none."""
    if (found := found_beside(model, *names)) is None:
        raise BadInput(
            Reason.MODEL_MISSING, f"there is no {' and no '.join(names)} beside {model}: put it there, or give its path"
        )
    return found


def found_beside(model: Path, *names: str) -> Path | None:
    """Return the file of the first of these names that lies beside a model; None where there is none."""
    return next((path for name in names if (path := model.with_name(name)).exists()), None)


def read_packs_of(path: Path) -> tuple[dict[str, Pack], list[Source]]:
    """Return Kokoro's voice packs by name, ``[lengths, 256]`` float32 each, and the files that they came from. ``path``
    is an archive of NumPy (``voices.npz``, ``voices-v1.0.bin``), or a folder with a file for each pack: ``.npy``,
    ``.pt``, or ``.bin`` with bare float32. Raises BadInput with the reason ModelMissing or UnsupportedVoice."""
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix in _READERS)
        sources = [read_source(one) for one in files]
        packs = {one.stem: _pack(source, _READERS[one.suffix]) for one, source in zip(files, sources, strict=True)}
    else:
        sources = [read_source(path)]
        packs = packs_in_archive(sources[0])
    if not packs:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} has no voice packs: give the file or the folder of Kokoro's")
    first = {name: pack for name, pack in packs.items() if name == FIRST_PACK}
    return {**first, **packs}, sources


def packs_in_archive(source: Source) -> dict[str, Pack]:
    """Return the voice packs of an archive of NumPy by name. Raises BadInput with the reason UnsupportedVoice."""
    try:
        return unpacked(source.data)
    except ValueError as error:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{source.name} is no archive of voice packs ({error}): give the voices-v1.0.bin or .npz of Kokoro, or the "
            "folder of its packs",
        ) from None


def _pack(source: Source, read: Callable[[bytes], Any]) -> Pack:
    try:
        return rows(read(source.data))
    except Exception as error:  # noqa: BLE001 - each reader fails in ways of its own on a file that is none
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{source.name} is no voice pack of Kokoro ({summary(error)}): give a pack of Kokoro",
        ) from None


def _torch(data: bytes) -> Any:
    import torch

    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True).numpy()
    except Exception:  # noqa: BLE001 - what PyTorch says proposes to run the code in the file
        raise ValueError("it is no tensor of PyTorch") from None


_READERS: dict[str, Callable[[bytes], Any]] = {
    ".npy": lambda data: np.load(io.BytesIO(data), allow_pickle=False),
    ".pt": _torch,
    ".bin": lambda data: np.frombuffer(data, "<f4"),
}
