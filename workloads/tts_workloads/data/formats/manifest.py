"""Manifests: ``manifest.jsonl``, with a JSON object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tts_workloads.data.formats.base import DEFAULT_SPEAKER, CorpusFormat, Entry, inside, list_lines

LIST_FILE = "manifest.jsonl"


def read(folder: Path, problems: list[str]) -> Iterator[Entry]:
    """Yield the clips of objects with ``audio``, a path relative to the folder, and ``text``. An object may also have
    ``speaker``, and ``phonemes``: what is said, in the front end's alphabet, used instead of reading the text."""
    seen: dict[str, int] = {}
    for number, line in list_lines(folder, LIST_FILE, problems):
        where = f"{LIST_FILE} line {number}"
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
        elif (audio := inside(folder, name)) is None:
            problems.append(f"{where}: audio {name!r} leads out of the corpus; it is relative to its folder")
        else:
            seen[name] = number
            speaker = document.get("speaker", DEFAULT_SPEAKER)
            yield Entry(name, audio, text, speaker, where, document.get("phonemes"))


MANIFEST = CorpusFormat("manifest", LIST_FILE, read)


def _wrong_with(document: Any) -> str:
    """The problem with a line's document; empty if there is none."""
    if not isinstance(document, dict):
        return "not a JSON object"
    for key in ("audio", "text", *({"phonemes"} & document.keys())):
        if not isinstance(document.get(key), str) or not document[key].strip():
            return f"{key} must be text that is not empty"
    speaker = document.get("speaker", DEFAULT_SPEAKER)
    if not isinstance(speaker, str) or not 0 < len(speaker) <= 64:
        return "speaker must be a name of 1 to 64 characters"
    written = (document["audio"], document["text"], document.get("phonemes", ""), speaker)
    if any("\ud800" <= character <= "\udfff" for value in written for character in value):
        return "half a surrogate pair is no character"
    return ""
