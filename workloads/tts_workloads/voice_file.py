"""Reads a voice's file: its digest, its card and its front end's data, without running any code in it. The card's
fields are defined in ``tts_api.voice``; the file is written in ``training.finish.export``."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tts_api.reasons import Reason
from tts_api.voice import CARD_FILE, FORMAT, FRONT_END_PREFIX, TRAINING_FILE, VoiceCard
from tts_workloads.exits import BadInput

LARGEST_EXTRA_BYTES = 256 * 1024 * 1024
"""Larger extra files are not read: a front end's data is a few megabytes."""


@dataclass(frozen=True)
class VoiceFile:
    """What was read from a voice's file that can be loaded."""

    path: Path
    sha256: str
    card: VoiceCard
    front_end: dict[str, bytes]
    """The front end's data files by name."""
    training_only: bytes | None = None
    """The data that only a training which starts from this voice needs, if the file has it."""


def open_voice(path: Path, sha256: str | None = None) -> VoiceFile:
    """Read a voice's digest, card and front end data. ``sha256`` is the digest that the file must have, or None.

    Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
    """
    found = _digest(path)
    if sha256 is not None and found != sha256:
        raise BadInput(
            Reason.DIGEST_MISMATCH,
            f"the voice {path} has the digest {found}, promised was {sha256}: restore the file or correct the digest",
        )
    try:
        extra = _extra_files(path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} is not a voice: {error}") from None
    if CARD_FILE not in extra:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} is not a voice: it holds no {CARD_FILE}")
    try:
        card = VoiceCard.model_validate_json(extra[CARD_FILE])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            Reason.UNSUPPORTED_VOICE, f"the card of {path} cannot be read: {where}: {first['msg']}. A newer image may"
        ) from None
    if card.format > FORMAT:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{path} has the format {card.format}, this image reads up to {FORMAT}: serve it with a newer image",
        )
    files = {
        name.removeprefix(FRONT_END_PREFIX): data for name, data in extra.items() if name.startswith(FRONT_END_PREFIX)
    }
    missing = sorted(set(card.front_end.files) - set(files))
    if missing:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} lacks the front end's {', '.join(missing)}")
    front_end = {name: files[name] for name in card.front_end.files}
    return VoiceFile(path, found, card, front_end, extra.get(TRAINING_FILE))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadInput(Reason.MODEL_MISSING, f"there is no voice at {path}: correct the path or the claim") from None
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise BadInput(Reason.MODEL_MISSING, f"the voice {path} cannot be read: {error.strerror}") from None


def _extra_files(path: Path) -> dict[str, bytes]:
    """Return the extra files of a TorchScript archive by name. The archive is a zip with ``extra/`` in its one
    folder."""
    files = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            _, slash, name = info.filename.partition("/extra/")
            if slash and info.file_size <= LARGEST_EXTRA_BYTES:
                files[name] = archive.read(info)
    return files
