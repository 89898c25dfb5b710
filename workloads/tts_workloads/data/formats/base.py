"""What every format of a corpus has: a list of clips in a text file, which becomes one ``Entry`` for each clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tts_workloads.data.lines import numbered
from tts_workloads.data.problems import InvalidDataset

DEFAULT_SPEAKER = "default"
"""The speaker of a corpus that names none."""


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
    """The phonemes that are said, in the front end's alphabet. None where the front end reads the text itself."""


Reader = Callable[[Path, list[str]], Iterator[Entry]]
"""Takes the corpus folder and a list, to which it adds everything that is wrong; yields the entries that are right.
Raises InvalidDataset where the list of clips cannot be read."""


@dataclass(frozen=True)
class CorpusFormat:
    """A format of a corpus."""

    name: str
    list_file: str
    """Name of the file that lists the clips, in the corpus folder."""
    read: Reader


def list_lines(folder: Path, name: str, problems: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the lines of the list of clips with their numbers, as ``numbered`` does. Raises InvalidDataset where the
    folder or the list is missing or cannot be read."""
    if not folder.is_dir():
        raise InvalidDataset(folder, ["there is no such folder"], "correct dataset.source's path")
    try:
        yield from numbered(folder, name, problems)
    except FileNotFoundError:
        raise InvalidDataset(
            folder, [f"there is no {name}"], f"put {name} there, or correct dataset.format and dataset.source's path"
        ) from None


def inside(root: Path, name: str) -> Path | None:
    """Return the path of a file that a list names. None where the name leads out of ``root``."""
    path = PurePosixPath(name)
    return None if path.is_absolute() or ".." in path.parts or "\0" in name else root / path
