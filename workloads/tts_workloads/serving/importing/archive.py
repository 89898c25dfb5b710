"""Writes the file of an imported voice. The same input gives the same bytes, and so the same digest."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tts_api.voice import CARD_FILE, FRONT_END_PREFIX, ImportedCard
from tts_workloads.exits import BadInput
from tts_workloads.files import write_bytes
from tts_workloads.serving.synthesis.served_voice import ServedVoice

FOLDER = "voice"
"""The one folder of the archive. The card and the front end's data are in its ``extra/``, as in a trained voice."""


def write_tried(
    output: Path,
    model: str,
    card: ImportedCard,
    front_end: Mapping[str, bytes],
    parts: Mapping[str, bytes],
    load: Callable[[Path], ServedVoice],
) -> None:
    """Write a voice's file as ``write_imported`` does, but only if the voice speaks. ``model`` is the name of the
    model's file in messages, and ``load`` loads a voice. Raises StorageFull, and BadInput where it does not speak."""
    staged = output.with_name(f".{output.name}.{os.getpid()}.staged")  # two imports may write the same voice
    try:
        write_imported(staged, card, front_end, parts)
        load(staged).warm_up()
        staged.replace(output)
    except BadInput as error:
        raise BadInput(
            error.reason, f"{model} does not speak: {str(error).replace(str(staged), str(output))}"
        ) from None
    finally:
        staged.unlink(missing_ok=True)


def write_imported(path: Path, card: ImportedCard, front_end: Mapping[str, bytes], parts: Mapping[str, bytes]) -> None:
    """Write a voice's file. ``front_end`` is the data of the front end that the card names, and ``parts`` are the model
    and what comes with it, by the names in ``tts_api.voice``. Raises StorageFull."""
    extra = {CARD_FILE: card.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()}
    extra |= {FRONT_END_PREFIX + name: data for name, data in front_end.items()}
    files = {**parts, **{f"extra/{name}": data for name, data in extra.items()}}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:  # weights do not shrink
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}"), files[name])
    write_bytes(path, whole.getvalue())
