"""Reads a voice's file: its digest, its card and its front end's data, without running any code in it. The card's
fields are defined in ``tts_api.voice``. The file of a voice that was trained is written in ``training.finish.export``,
and that of one that was imported in ``serving.importing``."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tts_api.reasons import Reason
from tts_api.voice import (
    CARD_FILE,
    CONFIG_FILE,
    FORMAT,
    FRONT_END_PREFIX,
    MODEL_FILE,
    PACKS_FILE,
    TRAINING_FILE,
    ImportedCard,
    ServedCard,
    VoiceCard,
)
from tts_workloads.exits import BadInput

LARGEST_EXTRA_BYTES = 256 * 1024 * 1024
"""Larger extra files are not read: a front end's data is a few megabytes."""
LARGEST_EXTRAS_BYTES = 2 * LARGEST_EXTRA_BYTES
"""Most bytes of the extra files together."""
LARGEST_PARTS_BYTES = 2 * 1024 * 1024 * 1024
"""Most bytes of an imported voice's model and what came with it: no larger model is one file."""
TORCHSCRIPT = "torchscript"
"""The engine of a card that names none, which is that of every trained voice."""

Card = TypeVar("Card", bound=ServedCard)


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


@dataclass(frozen=True)
class ImportedVoiceFile:
    """What was read from the file of a voice that was imported."""

    path: Path
    sha256: str
    card: ImportedCard
    front_end: dict[str, bytes]
    """The front end's data files by name."""
    model: bytes
    """The ONNX model."""
    config: bytes
    """The JSON that came with the model."""
    packs: bytes | None
    """The voice packs of Kokoro, as ``numpy.savez`` writes them; None where there are none."""


def open_voice(path: Path, sha256: str | None = None) -> VoiceFile:
    """Read the digest, card and front end data of a voice that was trained. ``sha256`` is the digest that the file must
    have, or None.

    Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
    """
    found = checked_digest(path, sha256)
    extra = _extra_files(path)
    if (engine := _engine(path, extra)) != TORCHSCRIPT:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{path} is a voice that was imported for {engine}, and has no models that training could start from: name "
            "a voice that was trained",
        )
    card = _card(path, extra, VoiceCard)
    return VoiceFile(path, found, card, _front_end(path, extra, card), extra.get(TRAINING_FILE))


def open_imported(path: Path, sha256: str | None = None) -> ImportedVoiceFile:
    """Read a voice that was imported. ``sha256`` is the digest that the file must have, or None.

    Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
    """
    found = checked_digest(path, sha256)
    extra = _extra_files(path)
    card = _card(path, extra, ImportedCard)
    parts = _read(path, lambda name: name in {MODEL_FILE, CONFIG_FILE, PACKS_FILE}, LARGEST_PARTS_BYTES)
    if missing := [name for name in (MODEL_FILE, CONFIG_FILE) if name not in parts]:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE, f"{path} lacks its {' and its '.join(missing)}: import the voice again"
        )
    front_end = _front_end(path, extra, card)
    return ImportedVoiceFile(path, found, card, front_end, parts[MODEL_FILE], parts[CONFIG_FILE], parts.get(PACKS_FILE))


def engine_of(path: Path) -> str:
    """Return the name of what speaks a voice, as its card gives it. A file whose card cannot be read counts as
    TorchScript: ``open_voice`` tells what is wrong with it. Nothing else in the file is read."""
    try:
        return _engine(path, _extra_files(path, lambda name: name == CARD_FILE))
    except BadInput:
        return TORCHSCRIPT


def _engine(path: Path, extra: Mapping[str, bytes]) -> str:
    if CARD_FILE not in extra:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} is not a voice: it holds no {CARD_FILE}")
    try:
        engine = json.loads(extra[CARD_FILE]).get("engine", TORCHSCRIPT)
    except (ValueError, AttributeError):
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"the card of {path} cannot be read: it is no JSON object") from None
    return str(engine)


def _card(path: Path, extra: Mapping[str, bytes], kind: type[Card]) -> Card:
    try:
        card = kind.model_validate_json(extra[CARD_FILE])
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
    return card


def _front_end(path: Path, extra: Mapping[str, bytes], card: ServedCard) -> dict[str, bytes]:
    files = {
        name.removeprefix(FRONT_END_PREFIX): data for name, data in extra.items() if name.startswith(FRONT_END_PREFIX)
    }
    missing = sorted(set(card.front_end.files) - set(files))
    if missing:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} lacks the front end's {', '.join(missing)}")
    return {name: files[name] for name in card.front_end.files}


def checked_digest(path: Path, sha256: str | None) -> str:
    """Return the digest of a voice's file. ``sha256`` is the one that it must have, or None. Raises BadInput with the
    reason ModelMissing or DigestMismatch."""
    found = _digest(path)
    if sha256 is not None and found != sha256:
        raise BadInput(
            Reason.DIGEST_MISMATCH,
            f"the voice {path} has the digest {found}, promised was {sha256}: restore the file or correct the digest",
        )
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise BadInput(Reason.MODEL_MISSING, f"there is no voice at {path}: correct the path or the claim") from None
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise BadInput(Reason.MODEL_MISSING, f"the voice {path} cannot be read: {error.strerror}") from None


def _extra_files(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, bytes]:
    """Return those extra files of a voice's archive that are wanted, by name. Raises BadInput as ``_read`` does."""
    prefix = "extra/"
    found = _read(
        path,
        lambda name: name.startswith(prefix) and wanted(name.removeprefix(prefix)),
        LARGEST_EXTRAS_BYTES,
        LARGEST_EXTRA_BYTES,
    )
    return {name.removeprefix(prefix): data for name, data in found.items()}


def _read(path: Path, wanted: Callable[[str], bool], most: int, largest: int | None = None) -> dict[str, bytes]:
    """Return those files of a voice's archive that are wanted, by their names in its one folder. Files of more than
    ``largest`` bytes are left out. Raises BadInput where it is no archive, or where the files are compressed or have
    more than ``most`` bytes together: no voice's are, and they could fill the memory."""
    files, size = {}, 0
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.partition("/")[2]
                if not wanted(name) or (largest is not None and info.file_size > largest):
                    continue
                size += info.file_size
                if info.compress_type != zipfile.ZIP_STORED:
                    raise BadInput(
                        Reason.UNSUPPORTED_VOICE,
                        f"{path} is not a voice: its {name} is compressed: restore it, or name a voice",
                    )
                if size > most:
                    raise BadInput(
                        Reason.UNSUPPORTED_VOICE,
                        f"{path} is not a voice: its files have more than {most} bytes: name a voice",
                    )
                files[name] = archive.read(info)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError) as error:  # RuntimeError: encrypted
        remedy = "make a voice of it with tts import" if path.suffix == ".onnx" else "restore it, or name a voice"
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path} is not a voice: {error}: {remedy}") from None
    return files
