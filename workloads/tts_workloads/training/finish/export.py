"""Writes the finished voice: TorchScript, the card and the front end's data in one file that carries its digest in its
name and has spoken before anybody hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from tts_api.report import Artifact
from tts_api.voice import CARD_FILE, FRONT_END_PREFIX, TRAINING_FILE, VoiceCard
from tts_workloads.files import sha256_of, write_whole


def write_voice(
    folder: Path,
    module: nn.Module,
    card: VoiceCard,
    front_end: Mapping[str, bytes],
    *,
    speak: Sequence[int],
    root: Path,
    training_only: bytes | None = None,
) -> Artifact:
    """Write ``voice-<start of its digest>.pt`` into ``folder``, load it again and have it say the symbols ``speak``.

    ``root`` is the root of the volume, to which the artifact's path is relative. Voices that an earlier try left
    unreported are removed. Raises StorageFull, and RuntimeError where the file does not speak.
    """
    staged = folder / ".voice.staged"
    write_whole(staged, lambda file: file.write(packed(module, card, front_end, training_only)))
    said = say(staged, speak)
    if said.numel() == 0 or not bool(torch.isfinite(said).all()):
        raise RuntimeError(f"the voice that was written says {said.numel()} samples, not all of them numbers")
    sha256 = sha256_of(staged)
    path = folder / f"voice-{sha256[:12]}.pt"
    for old in folder.glob("voice-*.pt"):
        old.unlink()
    staged.replace(path)
    return Artifact(
        path=str(path.relative_to(root)),
        sha256=sha256,
        size_bytes=path.stat().st_size,
        sample_rate=card.audio.sample_rate,
        languages=card.languages,
        speakers=card.speakers,
    )


def packed(
    module: nn.Module, card: VoiceCard, front_end: Mapping[str, bytes], training_only: bytes | None = None
) -> bytes:
    """The voice's file as bytes; ``training_only`` is what a training that goes on from it needs besides. Nothing is
    optimised: that is for the machine that loads it."""
    scripted = torch.jit.script(module.cpu().eval())
    extra = {CARD_FILE: card.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode()}
    extra |= {FRONT_END_PREFIX + name: data for name, data in front_end.items()}
    if training_only is not None:
        extra[TRAINING_FILE] = training_only
    content: bytes = scripted.save_to_buffer(_extra_files=extra)  # type: ignore[no-untyped-call]
    return content


@torch.inference_mode()
@torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
def say(path: Path, symbols: Sequence[int], noise: torch.Tensor | None = None) -> torch.Tensor:
    """What the voice in a file says: its waveform ``[samples]``, float32, on the CPU, by nothing but the file."""
    module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    vector = module.speaker(torch.zeros(1, dtype=torch.long))
    tokens = torch.tensor([list(symbols)], dtype=torch.long)
    waveform: torch.Tensor = module(tokens, torch.tensor([len(symbols)]), vector, torch.ones(1), torch.ones(1), noise)
    return waveform.reshape(-1)
