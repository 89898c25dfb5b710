"""The lines of a corpus's text files, numbered and decoded. What the lines mean is in ``formats`` and
``user_lexicon``."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from tts_workloads.data.problems import InvalidDataset

REMEDY = "save the file as UTF-8"
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""The encodings that byte order marks tell. UTF-32 comes first, because its mark begins with that of UTF-16."""


def numbered(folder: Path, name: str, problems: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file in UTF-8 with their numbers from 1. They are stripped, and blank ones are left out.
    Problems of a line are added to ``problems``.

    Raises FileNotFoundError, and InvalidDataset for a file that cannot be read or has another encoding.
    """
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InvalidDataset(folder, [f"{name} cannot be read: {error.strerror}"], "correct its permissions") from None
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise InvalidDataset(folder, [f"{name} is {encoding}, as its first bytes say, and not UTF-8"], REMEDY)
    if b"\0" in data:
        number = data[: data.index(b"\0")].count(b"\n") + 1
        raise InvalidDataset(folder, [f"{name} line {number}: a NUL byte: the file is not UTF-8"], REMEDY)
    for number, raw in enumerate(data.splitlines(), start=1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            problems.append(f"{name} line {number}: not UTF-8: {REMEDY}")
            continue
        if line:
            yield number, line
