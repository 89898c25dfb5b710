"""What the server asks of any voice, whatever speaks it: its card, its front end, the steps of the synthesis, and a
warm-up that measures. The voices themselves are in ``loaded_voice`` and ``imported``, and ``engines`` chooses one."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tts_api.reasons import Reason
from tts_api.voice import ServedCard
from tts_workloads.exits import BadInput
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceInProgress
from tts_workloads.text import FrontEnd, UnknownFrontEnd, restore

WARM_UP_ROUNDS = 3
"""How often PyTorch speaks the warm-up text. Libraries choose their plans in the first rounds; the last one is
measured."""
LEAST_AMPLITUDE = 1e-4
"""A warm-up whose loudest sample is below this is silence. Sound that is not a number counts as silence too."""


@dataclass(frozen=True)
class SynthesisSpeed:
    """How fast the voice is on this machine."""

    real_time_factor: float
    """Seconds of computing for each second of speech."""
    first_audio_seconds: float
    """Seconds until the first chunk of a streamed request is made."""
    seconds_per_symbol: float
    """Seconds of computing for each symbol."""


class ServedVoice(ABC):
    """A voice in memory. Several threads may use it at a time."""

    on_gpu: bool
    """Whether the voice runs on a GPU."""
    warm_up_rounds: ClassVar[int] = WARM_UP_ROUNDS
    """How often the warm-up text is spoken."""

    def __init__(self, card: ServedCard, sha256: str, front_end: dict[str, bytes]) -> None:
        """``front_end`` is the data of the front end that the card names.

        Raises BadInput with the reason UnsupportedVoice where there is no such front end.
        """
        self.card: ServedCard = card
        self.sha256 = sha256
        try:
            self.front_end: FrontEnd = restore(card.front_end, front_end)
        except UnknownFrontEnd as error:
            raise BadInput(Reason.UNSUPPORTED_VOICE, f"{error}: serve the voice with a newer image") from None

    @abstractmethod
    def predict_mel(self, sentences: Sequence[Sentence]) -> Sequence[SentenceInProgress]:
        """Return the frames of the sentences, or their sound where the voice has no vocoder of its own."""

    @abstractmethod
    def vocode(self, mels: Sequence[Any], frames: Sequence[int | None]) -> list[Samples]:
        """Return the sound of the next ``frames`` of each sentence (None: all that are left), which ``predict_mel`` of
        this voice returned. Each result is ``[samples]`` float32 in -1 to 1. A call that raises has not counted any
        frame as vocoded, so that it can be repeated."""

    @abstractmethod
    def enter_thread(self) -> None:
        """Prepare the calling thread; each thread calls it once, before anything else."""

    @abstractmethod
    def chunk_frames(self, number: int) -> int | None:
        """Return how many frames a streamed chunk of this number has; None where the voice makes whole sentences
        only."""

    def device_memory(self) -> int:
        """Return how many bytes of the GPU's memory this process holds; 0 on a CPU."""
        return 0

    def warm_up(self) -> SynthesisSpeed:
        """Speak the language's warm-up text a few times, and return the speed of the last.

        Raises BadInput with the reason UnsupportedVoice where the voice makes no sound.
        """
        text = self.front_end.warm_up_text
        sentences = [self.front_end.encode(sentence) for sentence in self.front_end.sentences(text)]
        speed = SynthesisSpeed(0.0, 0.0, 0.0)
        for _ in range(self.warm_up_rounds):
            speed = self._measure(sentences)
        return speed

    def _measure(self, sentences: Sequence[Sequence[int]]) -> SynthesisSpeed:
        started = time.perf_counter()
        first, samples, loudest = 0.0, 0, 0.0
        for symbols in sentences:
            (spoken,) = self.predict_mel([Sentence(symbols)])
            while spoken.frames_left:
                (sound,) = self.vocode([spoken], [None if first else self.chunk_frames(0)])
                samples += len(sound)
                loudest = max(loudest, float(np.abs(sound).max(initial=0.0)))
                first = first or time.perf_counter() - started
        if loudest < LEAST_AMPLITUDE:
            raise BadInput(Reason.UNSUPPORTED_VOICE, "the voice makes no sound")
        seconds = samples / self.card.audio.sample_rate
        took = time.perf_counter() - started
        return SynthesisSpeed(took / seconds, first, took / sum(len(sentence) for sentence in sentences))
