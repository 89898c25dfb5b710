"""Writes the finished voice: TorchScript, the card and the data of the front end in one file with its digest in its
name. The file has to speak before it is reported."""

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
    """Write ``voice-<start of its digest>.pt`` into ``folder``, load it again and have it speak the symbols ``speak``.

    The artifact's path is relative to ``root``, the root of the volume. Voices that an earlier try wrote and did not
    report are removed. Raises StorageFull, and RuntimeError where the file does not speak.
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
    """The content of a voice's file. ``training_only`` is what only a training that starts from the voice needs.
    Nothing is optimised, because only the machine that loads the voice knows how."""
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
    """Have the voice in a file speak symbols. Returns the waveform ``[samples]`` float32, on the CPU. Nothing but the
    file is needed."""
    module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    vector = module.speaker(torch.zeros(1, dtype=torch.long))
    tokens = torch.tensor([list(symbols)], dtype=torch.long)
    waveform: torch.Tensor = module(tokens, torch.tensor([len(symbols)]), vector, torch.ones(1), torch.ones(1), noise)
    return waveform.reshape(-1)
