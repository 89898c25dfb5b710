"""The voice that is served: loaded, optimised for this machine, and warmed up. Needs no model code: everything is in
the file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tts_api.reasons import Reason
from tts_api.voice import VoiceCard
from tts_workloads.ending import BadInput
from tts_workloads.serving.audio import Samples
from tts_workloads.text import FrontEnd, UnknownFrontEnd, restore
from tts_workloads.voice_file import open_voice

WARM_UP_TEXT = {"en-us": "Good morning. Every word that you hear was made by this machine."}
"""What is spoken before a voice is called ready, by language."""
WARM_UP_ROUNDS = 3
"""Libraries choose their plans in the first rounds; the last is measured."""


@dataclass(frozen=True)
class Measured:
    """How fast the voice is on this machine."""

    real_time_factor: float
    """Seconds of computing for each second of speech."""
    first_sentence_seconds: float
    """Seconds until the first sentence is there."""


class Voice:
    """A voice that speaks. One thread at a time may use it."""

    def __init__(self, path: Path, sha256: str | None, device: torch.device) -> None:
        """Load the file. Raises BadInput with ModelMissing, DigestMismatch or UnsupportedVoice."""
        file = open_voice(path, sha256)
        self.card: VoiceCard = file.card
        self.sha256 = file.sha256
        self.front_end = _front_end(file.card, file.front_end)
        self._device = device
        try:
            self._module = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise BadInput(
                Reason.UNSUPPORTED_VOICE, f"PyTorch {torch.__version__} cannot load {path}: {str(error)[:300]}"
            ) from None

    # TorchScript's optimiser compiles anew for every new length: seconds for a sentence that takes milliseconds.
    @torch.inference_mode()
    @torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
    def synthesise(self, symbols: Sequence[int], speaker: int, speed: float) -> Samples:
        """The sound of one sentence, float32 in -1 to 1 at ``card.audio.sample_rate``."""
        tokens = torch.tensor([list(symbols)], dtype=torch.long, device=self._device)
        lengths = torch.tensor([len(symbols)], dtype=torch.long, device=self._device)
        vector = self._module.speaker(torch.tensor([speaker], dtype=torch.long, device=self._device))
        factor = torch.full((1,), speed, device=self._device)
        waveform = self._module(tokens, lengths, vector, factor, torch.ones_like(factor), None)
        samples: Samples = waveform.reshape(-1).float().cpu().numpy()
        return np.nan_to_num(samples)

    def warm_up(self) -> Measured:
        """Speak a sentence some times. Raises BadInput where the voice's language is not known or it makes no sound."""
        text = WARM_UP_TEXT.get(self.card.languages[0])
        if text is None:
            raise BadInput(Reason.UNSUPPORTED_VOICE, f"this image does not speak {self.card.languages[0]}")
        sentences = [self.front_end.encode(sentence) for sentence in self.front_end.sentences(text)]
        measured = Measured(0.0, 0.0)
        for _ in range(WARM_UP_ROUNDS):
            measured = self._measure(sentences)
        return measured

    def _measure(self, sentences: Sequence[Sequence[int]]) -> Measured:
        started = time.perf_counter()
        first, samples = 0.0, 0
        for sentence in sentences:
            samples += len(self.synthesise(sentence, 0, 1.0))
            first = first or time.perf_counter() - started
        if samples == 0:
            raise BadInput(Reason.UNSUPPORTED_VOICE, "the voice makes no sound")
        seconds = samples / self.card.audio.sample_rate
        return Measured((time.perf_counter() - started) / seconds, first)


def _front_end(card: VoiceCard, files: dict[str, bytes]) -> FrontEnd:
    try:
        return restore(card.front_end, files)
    except UnknownFrontEnd as error:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{error}: serve the voice with a newer image") from None
