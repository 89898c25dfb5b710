"""Chooses what speaks a voice by the engine that its card names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput
from tts_workloads.serving.synthesis.imported.kokoro import KokoroVoice
from tts_workloads.serving.synthesis.imported.piper import PiperVoice
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import ServedVoice
from tts_workloads.voice_file import TORCHSCRIPT, checked_digest, engine_of

ENGINES: dict[str, Callable[[Path, str | None, torch.device], ServedVoice]] = {
    TORCHSCRIPT: LoadedVoice,
    "kokoro": lambda path, sha256, device: KokoroVoice(path, sha256),
    "piper": lambda path, sha256, device: PiperVoice(path, sha256),
}
"""What loads a voice, by the name of its engine. It gets the file, the digest that it must have or None, and where
PyTorch computes."""


def load_voice(path: Path, sha256: str | None, device: torch.device) -> ServedVoice:
    """Load a voice's file. ``sha256`` is the digest that the file must have, or None.

    Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
    """
    engine = engine_of(path)
    if engine not in ENGINES:
        checked_digest(path, sha256)  # the other engines check it themselves
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{path} is a voice for {engine}, and this image knows {', '.join(ENGINES)}: serve it with a newer image",
        )
    return ENGINES[engine](path, sha256, device)
