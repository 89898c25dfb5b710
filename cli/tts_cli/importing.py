"""Makes voices of models that people already have, and finds those that come as packages of Python by their short
names. The work is done in ``tts_workloads.serving.importing``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tts_cli.failure import needs, refused

SUFFIX = ".voice"
"""Suffix of an imported voice's file."""
EXTRAS = "cli,workloads,torch,onnx"

T = TypeVar("T")


def kokoro(
    model: Path | None, voices: Path | None, config: Path | None, output: Path | None, licence: str | None
) -> Path:
    """Import Kokoro from its files, or without ``model`` from the packages that are installed, and return the voice's
    file. Raises Failure."""
    _needs_packages()
    from tts_workloads.serving.importing import installed
    from tts_workloads.serving.importing.kokoro import import_kokoro
    from tts_workloads.serving.importing.sources import beside, found_beside, read_packs_of, read_source

    if model is None:
        options = (("--voices", voices), ("--config", config), ("--licence", licence))
        if given := [option for option, value in options if value is not None]:
            raise refused(f"{given[0]} goes with a MODEL: give the file of the ONNX model")
        target = output or Path(f"kokoro{SUFFIX}")

        def work_installed() -> None:
            _check_output(target)
            installed.import_installed("kokoro", target)

        _told(work_installed)
        return target
    target = output or Path(f"{model.stem}{SUFFIX}")

    def work() -> None:
        _check_output(target)  # what can be known at once is told before anything is read
        read = read_source(model)
        found = voices or beside(model, "voices-v1.0.bin", "voices.npz", "voices")
        told = config or found_beside(model, "config.json", "tokenizer.json")
        _check_sources(target, model, found, told)
        packs, sources = read_packs_of(found)
        numbers = read_source(told) if told is not None else None
        import_kokoro(target, target.stem, read, numbers, packs, sources, licence=licence)

    _told(work)
    return target


def piper(model: Path, config: Path | None, output: Path | None, licence: str | None) -> Path:
    """Import a Piper voice from its files and return the voice's file. Raises Failure."""
    _needs_packages()
    from tts_workloads.serving.importing.piper import import_piper
    from tts_workloads.serving.importing.sources import beside, read_source

    target = output or Path(f"{model.stem}{SUFFIX}")

    def work() -> None:
        _check_output(target)
        read = read_source(model)
        told = config or beside(model, f"{model.name}.json")
        _check_sources(target, model, told)
        import_piper(target, target.stem, read, read_source(told), licence=licence)

    _told(work)
    return target


def voice_file(voice: Path) -> Path:
    """Return the file of a voice: the given one, or where there is none of that name, that of the installed voice which
    has it as its short name. Raises Failure."""
    if voice.exists() or len(voice.parts) != 1 or voice.suffix or importlib.util.find_spec("torch") is None:
        return voice
    from tts_workloads.serving.importing import installed

    name = str(voice)
    if name not in installed.INSTALLED:
        return voice
    _needs_packages()
    return _told(lambda: installed.installed_voice(name))


def _told(work: Callable[[], T]) -> T:
    """Do the work, and turn what it raises into a failure with the same words."""
    from tts_workloads.exits import BadInput, StorageFull

    try:
        return work()
    except BadInput as error:
        raise refused(str(error)) from None
    except StorageFull as error:
        raise refused(f"the voice cannot be written: {error}") from None
    except OSError as error:
        raise refused(f"{error.filename}: {error.strerror}: correct the path or its permissions") from None


def _needs_packages() -> None:
    if importlib.util.find_spec("torch") is None:
        raise needs("PyTorch", EXTRAS)
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnx") is None:
        raise needs("ONNX Runtime with onnx", EXTRAS)


def _check_output(target: Path) -> None:
    """Refuse a file in a folder that is not there, and a folder. Raises Failure."""
    if not target.parent.is_dir():
        raise refused(f"-o {target}: there is no folder {target.parent}: make it first")
    if target.is_dir():
        raise refused(f"-o {target} is a folder: name a file")


def _check_sources(target: Path, *read: Path | None) -> None:
    """Refuse one of the files that the voice is made from as its output. Raises Failure."""
    if target.exists() and any(one is not None and one.exists() and one.samefile(target) for one in read):
        raise refused(f"-o {target}: the voice is made from this file, which it would replace: give another name")
