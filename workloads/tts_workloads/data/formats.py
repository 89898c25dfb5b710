"""Corpus formats: what is written where, line by line, in one registry. Reads the lists, never the sound."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tts_workloads.data.lines import numbered
from tts_workloads.data.problems import InvalidDataset

DEFAULT_SPEAKER = "default"
"""The speaker of a corpus that names none."""
AUDIO_SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".g722")
"""Where an LJSpeech folder names a clip without a suffix, the first of these that is there is read, in capitals too."""


@dataclass(frozen=True)
class Entry:
    """One clip as the corpus lists it."""

    id: str
    audio: Path
    text: str
    speaker: str
    where: str
    """File and line, for messages."""
    pronunciation: str | None = None
    """What is said, in the front end's phoneme alphabet. None where the front end is to read the text itself."""


LIST_FILES = {"ljspeech": "metadata.csv", "manifest": "manifest.jsonl"}
"""The file that lists the clips, by format."""

Reader = Callable[[Path, list[str]], Iterator[Entry]]
"""Takes the corpus folder and a list to which it adds what is wrong; yields what is right."""


def read_ljspeech(folder: Path, problems: list[str]) -> Iterator[Entry]:
    """``metadata.csv`` with lines ``id|text`` or ``id|text|normalised text`` (the last is read), sound in ``wavs/``
    (Ito and Johnson 2017, the LJ Speech data set)."""
    seen: dict[str, int] = {}
    names: dict[Path, dict[str, str]] = {}
    for number, line in _lines(folder, LIST_FILES["ljspeech"], problems):
        where = f"metadata.csv line {number}"
        fields = [field.strip() for field in line.split("|")]
        clip, text = fields[0], fields[-1]
        if len(fields) not in {2, 3}:
            problems.append(f"{where}: {len(fields)} fields separated by |, expected 2 or 3: {line[:60]!r}")
        elif not clip:
            problems.append(f"{where}: the id is empty")
        elif not text:
            problems.append(f"{where}: the text of {clip} is empty")
        elif clip in seen:
            problems.append(f"{where}: the id {clip} is on line {seen[clip]} already")
        elif (audio := _inside(folder / "wavs", clip)) is None:
            problems.append(f"{where}: the id {clip!r} leads out of wavs/")
        else:
            seen[clip] = number
            if audio.parent not in names:
                names[audio.parent] = _names_in(audio.parent)
            yield Entry(clip, _sound_of(audio, names[audio.parent]), text, DEFAULT_SPEAKER, where)


def read_manifest(folder: Path, problems: list[str]) -> Iterator[Entry]:
    """``manifest.jsonl``: a JSON object on each line with ``audio`` (path relative to the folder), ``text``, where
    there are several ``speaker``, and where the corpus knows how the text is said ``phonemes``."""
    seen: dict[str, int] = {}
    for number, line in _lines(folder, LIST_FILES["manifest"], problems):
        where = f"manifest.jsonl line {number}"
        try:
            document: Any = json.loads(line)
        except json.JSONDecodeError as error:
            problems.append(f"{where}: not JSON: {error.msg} at column {error.colno}")
            continue
        wrong = _wrong_with(document)
        if wrong:
            problems.append(f"{where}: {wrong}")
            continue
        name, text = str(PurePosixPath(document["audio"])), document["text"].strip()
        if name in seen:
            problems.append(f"{where}: {name} is on line {seen[name]} already")
        elif (audio := _inside(folder, name)) is None:
            problems.append(f"{where}: audio {name!r} leads out of the corpus; it is relative to its folder")
        else:
            seen[name] = number
            speaker = document.get("speaker", DEFAULT_SPEAKER)
            yield Entry(name, audio, text, speaker, where, document.get("phonemes"))


FORMATS: dict[str, Reader] = {"ljspeech": read_ljspeech, "manifest": read_manifest}
"""The formats by name, as ``spec.dataset.format`` has them."""


def _lines(folder: Path, name: str, problems: list[str]) -> Iterator[tuple[int, str]]:
    if not folder.is_dir():
        raise InvalidDataset(folder, ["there is no such folder"], "correct dataset.source's path")
    try:
        yield from numbered(folder, name, problems)
    except FileNotFoundError:
        raise InvalidDataset(
            folder, [f"there is no {name}"], f"put {name} there, or correct dataset.format and dataset.source's path"
        ) from None


def _wrong_with(document: Any) -> str:
    if not isinstance(document, dict):
        return "not a JSON object"
    for key in ("audio", "text", *({"phonemes"} & document.keys())):
        if not isinstance(document.get(key), str) or not document[key].strip():
            return f"{key} must be text that is not empty"
    speaker = document.get("speaker", DEFAULT_SPEAKER)
    if not isinstance(speaker, str) or not 0 < len(speaker) <= 64:
        return "speaker must be a name of 1 to 64 characters"
    if any(
        "\ud800" <= character <= "\udfff"
        for value in (document["audio"], document["text"], document.get("phonemes", ""), speaker)
        for character in value
    ):
        return "half a surrogate pair is no character"
    return ""


def _inside(root: Path, name: str) -> Path | None:
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts or "\0" in name else root / path


def _names_in(folder: Path) -> dict[str, str]:
    """The names in a folder by themselves, and by themselves with a suffix in lower case."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return {}
    return {_with_lower_suffix(name): name for name in names} | {name: name for name in names}


def _with_lower_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - an id need not be a path
    return stem + suffix.lower()


def _sound_of(path: Path, names: dict[str, str]) -> Path:
    """The sound of a clip whose id is the path's name, with or without suffix, in a folder with these names."""
    plain = _with_lower_suffix(path.name)
    wanted = [path.name + suffix for suffix in AUDIO_SUFFIXES] + [path.name, plain]
    missing = path.name if plain.endswith(AUDIO_SUFFIXES) else wanted[0]
    return path.with_name(next((names[name] for name in wanted if name in names), missing))
