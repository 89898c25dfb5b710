"""The voice that is served: loaded, optimised for this machine, and warmed up. Needs no model code: everything is in
the file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tts_api.reasons import Reason
from tts_api.voice import VoiceCard
from tts_workloads.audio import SILENCE
from tts_workloads.exits import BadInput
from tts_workloads.serving.synthesis.audio import Samples
from tts_workloads.serving.synthesis.loudness import amplified
from tts_workloads.serving.synthesis.tempo import at_tempo
from tts_workloads.text import FrontEnd, UnknownFrontEnd, WordPlace, restore
from tts_workloads.voice_file import open_voice

WARM_UP_ROUNDS = 3
"""Libraries choose their plans in the first rounds; the last is measured."""


SILENT = 1e-4
"""A sound whose loudest sample is less is none; one of numbers that are not numbers becomes one."""
FIRST_CHUNK_SECONDS = 0.4
"""Sound in the first chunk of a streamed sentence; each one after it has twice as much as the one before."""
LONGEST_CHUNK_SECONDS = 3.2


@dataclass(frozen=True)
class Sentence:
    """A sentence to be said."""

    symbols: Sequence[int]
    speaker: int = 0
    speed: float = 1.0
    """1 is as trained, 2 twice as fast."""
    pitch: float = 1.0
    """1 is as trained, 2 an octave higher."""
    volume: float = 0.0
    """Decibels by which its sound is louder than as trained; ``-inf`` is silence."""
    pause_before: float = 0.0
    """Seconds of silence before it."""
    pause_after: float = 0.0
    """Seconds of silence behind it."""
    words: Sequence[WordPlace] | None = None
    """Its words; None where nobody asks when they are said."""


@dataclass(eq=False)
class Spoken:
    """A sentence as mel frames, some of which have become sound."""

    mel: Tensor
    """``[n_mels, frames]``."""
    before: int = 0
    """Samples of silence before its first."""
    after: int = 0
    """Samples of silence behind its last."""
    sentence: Sentence | None = None
    """What is said."""
    durations: Sequence[float] = ()
    """How many frames each of its symbols lasts; none where nobody asks."""
    tempo: float = 1.0
    """How much faster than the frames its sound is."""
    done: int = 0
    """Frames that have."""

    @property
    def frames(self) -> int:
        """Frames that have not."""
        return self.mel.shape[1] - self.done


@dataclass(frozen=True)
class Measured:
    """How fast the voice is on this machine."""

    real_time_factor: float
    """Seconds of computing for each second of speech."""
    first_audio_seconds: float
    """Seconds until there is the first chunk that a request gets which is streamed."""
    seconds_per_symbol: float
    """Seconds of computing for each symbol."""


class Voice:
    """A voice that speaks. Several threads may use it at a time."""

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

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU that speaks."""
        return self._device.type == "cuda"

    def device_memory(self) -> int:
        """Bytes of the GPU's memory that are held; 0 on a CPU."""
        return torch.cuda.memory_reserved(self._device) if self.on_gpu else 0

    def synthesise(self, symbols: Sequence[int], speaker: int, speed: float) -> Samples:
        """The sound of one sentence, float32 in -1 to 1 at ``card.audio.sample_rate``."""
        return self.sound(self.say([Sentence(symbols, speaker, speed)]), [None])[0]

    # TorchScript's optimiser compiles anew for every new length: seconds for a sentence that takes milliseconds.
    @torch.inference_mode()
    @torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
    def say(self, sentences: Sequence[Sentence]) -> list[Spoken]:
        """The mel frames of sentences, made in one batch."""
        count, device = [len(one.symbols) for one in sentences], self._device
        tokens = torch.zeros(len(sentences), max(count), dtype=torch.long)
        for row, one in zip(tokens, sentences, strict=True):
            row[: len(one.symbols)] = torch.tensor(one.symbols)
        vectors = self._module.speaker(torch.tensor([one.speaker for one in sentences], device=device))
        obeys = "speed" in self.card.supports
        speeds = [one.speed if obeys else 1.0 for one in sentences]
        tempos = [one.speed / speed for one, speed in zip(sentences, speeds, strict=True)]
        speed = torch.tensor(speeds, dtype=torch.float32, device=device)
        lengths = torch.tensor(count, device=device)
        pitch = torch.tensor([one.pitch for one in sentences], dtype=torch.float32, device=device)
        mel, frames, durations = self._module.acoustic(tokens.to(device), lengths, vectors, speed, pitch, None)
        rate, timed = self.card.audio.sample_rate, any(one.words is not None for one in sentences)
        lasting = durations.tolist() if timed else [[]] * len(sentences)
        return [
            Spoken(
                frame[:, :length],
                round(one.pause_before * rate),
                round(one.pause_after * rate),
                one,
                [duration / tempo for duration in each[: len(one.symbols)]],
                tempo,
            )
            for one, frame, length, each, tempo in zip(sentences, mel, frames.tolist(), lasting, tempos, strict=True)
        ]

    @torch.inference_mode()
    @torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
    def sound(self, spoken: Sequence[Spoken], frames: Sequence[int | None]) -> list[Samples]:
        """The sound of each one's next ``frames`` (None: of all that are left), made in one batch; float32 in -1 to 1.

        It is that of the whole sentence: a chunk is made with the frames around it that its samples depend on. A
        sentence that is made faster or slower than its frames comes whole. Where this fails, the same frames are the
        next ones again.
        """
        field, hop = self.card.vocoder.receptive_field_frames, self.card.audio.hop_length
        windows, inside, silences, ends = [], [], [], []
        for one, most in zip(spoken, frames, strict=True):
            begin, whole = one.done, one.mel.shape[1]
            end = whole if one.tempo != 1.0 else begin + min(one.frames, most or one.frames)
            first = 0 if field is None else max(0, begin - field)
            last = whole if field is None else end + field
            windows.append(one.mel[:, first:last])
            inside.append(slice((begin - first) * hop, (end - first) * hop))
            silences.append((one.before if begin == 0 else 0, one.after if end == whole else 0))
            ends.append(end)
        longest = max(window.shape[1] for window in windows)
        # Beyond a sentence's end there is silence, which is what a vocoder takes for granted there.
        batch = torch.stack([F.pad(window, (0, longest - window.shape[1]), value=SILENCE) for window in windows])
        waveforms = self._module.vocode(batch).float().cpu().numpy()
        volumes = [0.0 if one.sentence is None else one.sentence.volume for one in spoken]
        sounds = [
            np.pad(amplified(self._in_time(np.nan_to_num(waveform[part]), one.tempo), volume), silence)
            for waveform, part, volume, silence, one in zip(waveforms, inside, volumes, silences, spoken, strict=True)
        ]
        for one, end in zip(spoken, ends, strict=True):
            one.done = end
        return sounds

    def _in_time(self, samples: Samples, tempo: float) -> Samples:
        return samples if tempo == 1.0 else at_tempo(samples, tempo, self.card.audio.sample_rate)

    def enter_thread(self) -> None:
        """Make this thread compute by itself: threads that help each other wait for each other."""
        torch.set_num_threads(1)

    def chunk(self, number: int) -> int | None:
        """Frames in an utterance's chunk of this number; None where the vocoder can only make whole sentences."""
        if self.card.vocoder.receptive_field_frames is None:
            return None
        seconds = min(LONGEST_CHUNK_SECONDS, FIRST_CHUNK_SECONDS * 2.0 ** min(number, 8))
        return max(1, round(seconds * self.card.audio.sample_rate / self.card.audio.hop_length))

    def warm_up(self) -> Measured:
        """Speak the language's warm-up text some times. Raises BadInput where the voice makes no sound."""
        text = self.front_end.warm_up_text
        sentences = [self.front_end.encode(sentence) for sentence in self.front_end.sentences(text)]
        measured = Measured(0.0, 0.0, 0.0)
        for _ in range(WARM_UP_ROUNDS):
            measured = self._measure(sentences)
        return measured

    def _measure(self, sentences: Sequence[Sequence[int]]) -> Measured:
        started = time.perf_counter()
        first, samples, loudest = 0.0, 0, 0.0
        for symbols in sentences:
            (spoken,) = self.say([Sentence(symbols)])
            while spoken.frames:
                (sound,) = self.sound([spoken], [None if first else self.chunk(0)])
                samples += len(sound)
                loudest = max(loudest, float(np.abs(sound).max(initial=0.0)))
                first = first or time.perf_counter() - started
        if loudest < SILENT:
            raise BadInput(Reason.UNSUPPORTED_VOICE, "the voice makes no sound")
        seconds = samples / self.card.audio.sample_rate
        took = time.perf_counter() - started
        return Measured(took / seconds, first, took / sum(len(sentence) for sentence in sentences))


def _front_end(card: VoiceCard, files: dict[str, bytes]) -> FrontEnd:
    try:
        return restore(card.front_end, files)
    except UnknownFrontEnd as error:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{error}: serve the voice with a newer image") from None
