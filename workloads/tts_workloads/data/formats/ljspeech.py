"""LJSpeech folders: ``metadata.csv``, and the sound in ``wavs/`` (Ito and Johnson 2017, the LJ Speech data set)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tts_workloads.data.formats.base import DEFAULT_SPEAKER, CorpusFormat, Entry, inside, list_lines

LIST_FILE = "metadata.csv"
AUDIO_SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".g722")
"""For an id without a suffix, the first of these files that exists is read. Suffixes in capitals count too."""


def read(folder: Path, problems: list[str]) -> Iterator[Entry]:
    """Yield the clips of lines ``id|text`` and ``id|text|normalised text``, of which the last field is read."""
    seen: dict[str, int] = {}
    names: dict[Path, dict[str, str]] = {}
    for number, line in list_lines(folder, LIST_FILE, problems):
        where = f"{LIST_FILE} line {number}"
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
        elif (audio := inside(folder / "wavs", clip)) is None:
            problems.append(f"{where}: the id {clip!r} leads out of wavs/")
        else:
            seen[clip] = number
            if audio.parent not in names:
                names[audio.parent] = _names_in(audio.parent)
            yield Entry(clip, _sound_file(audio, names[audio.parent]), text, DEFAULT_SPEAKER, where)


LJSPEECH = CorpusFormat("ljspeech", LIST_FILE, read)


def _names_in(folder: Path) -> dict[str, str]:
    """The names in a folder. The keys are each name as it is and with its suffix in small letters."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return {}
    return {_with_small_suffix(name): name for name in names} | {name: name for name in names}


def _with_small_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - an id need not be a path
    return stem + suffix.lower()


def _sound_file(path: Path, names: dict[str, str]) -> Path:
    """The sound file of a clip, whose id is the path's name with or without a suffix, in a folder with these names. If
    there is none, the path has the name that was tried first."""
    plain = _with_small_suffix(path.name)
    wanted = [path.name + suffix for suffix in AUDIO_SUFFIXES] + [path.name, plain]
    missing = path.name if plain.endswith(AUDIO_SUFFIXES) else wanted[0]
    return path.with_name(next((names[name] for name in wanted if name in names), missing))
