"""A voice that was trained, as TorchScript: loaded and called with batches of sentences. Everything that it needs is in
the voice's file; no model code is imported.

What is batched together is decided in ``batching``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tts_api.reasons import Reason
from tts_api.voice import VoiceCard
from tts_workloads.audio import SILENCE
from tts_workloads.exits import BadInput
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.loudness import amplified
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceMel
from tts_workloads.serving.synthesis.served_voice import ServedVoice
from tts_workloads.serving.synthesis.tempo import at_tempo
from tts_workloads.voice_file import open_voice

FIRST_CHUNK_SECONDS = 0.4
"""Sound in the first chunk of a streamed request; each chunk after it is twice as long as the one before."""
LONGEST_CHUNK_SECONDS = 3.2


class LoadedVoice(ServedVoice):
    """A voice that was trained."""

    def __init__(self, path: Path, sha256: str | None, device: torch.device) -> None:
        """Load a voice's file. ``sha256`` is the digest that the file must have, or None.

        Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
        """
        file = open_voice(path, sha256)
        super().__init__(file.card, file.sha256, file.front_end)
        self.card: VoiceCard = file.card
        self._device = device
        self.on_gpu = device.type == "cuda"
        try:
            self._module = torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise BadInput(
                Reason.UNSUPPORTED_VOICE, f"PyTorch {torch.__version__} cannot load {path}: {str(error)[:300]}"
            ) from None

    def device_memory(self) -> int:
        """Return how many bytes of the GPU's memory this process holds; 0 on a CPU."""
        return torch.cuda.memory_reserved(self._device) if self.on_gpu else 0

    # TorchScript's optimiser compiles anew for every new length: seconds for a sentence that takes milliseconds.
    @torch.inference_mode()
    @torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
    def predict_mel(self, sentences: Sequence[Sentence]) -> list[SentenceMel]:
        """Return the frames of the sentences, which the acoustic model predicts in one batch."""
        count, device = [len(one.symbols) for one in sentences], self._device
        tokens = torch.zeros(len(sentences), max(count), dtype=torch.long)
        for row, one in zip(tokens, sentences, strict=True):
            row[: len(one.symbols)] = torch.tensor(one.symbols)
        vectors = self._speaker_vectors(sentences)
        model_sets_speed = "speed" in self.card.supports
        speeds = [one.speed if model_sets_speed else 1.0 for one in sentences]
        tempos = [one.speed / speed for one, speed in zip(sentences, speeds, strict=True)]
        speed = torch.tensor(speeds, dtype=torch.float32, device=device)
        lengths = torch.tensor(count, device=device)
        pitch = torch.tensor([one.pitch for one in sentences], dtype=torch.float32, device=device)
        mel, frames, durations = self._module.acoustic(tokens.to(device), lengths, vectors, speed, pitch, None)
        rate, timed = self.card.audio.sample_rate, any(one.words is not None for one in sentences)
        lasting = durations.tolist() if timed else [[]] * len(sentences)
        return [
            SentenceMel(
                frame[:, :length],
                tempo,
                silence_before=round(one.pause_before * rate),
                silence_after=round(one.pause_after * rate),
                sentence=one,
                durations=[duration / tempo for duration in each[: len(one.symbols)]],
            )
            for one, frame, length, each, tempo in zip(sentences, mel, frames.tolist(), lasting, tempos, strict=True)
        ]

    @torch.inference_mode()
    @torch.jit.optimized_execution(should_optimize=False)  # type: ignore[attr-defined]
    def vocode(self, mels: Sequence[SentenceMel], frames: Sequence[int | None]) -> list[Samples]:
        """Return the sound of the next ``frames`` of each sentence (None: all that are left), made in one batch.

        Each result is ``[samples]`` float32 in -1 to 1, and equal to that part of the whole sentence's sound: a chunk
        is made with the frames around it that its samples depend on. A sentence with a tempo comes whole. A call that
        raises has not counted any frame as vocoded, so that it can be repeated.
        """
        field, hop = self.card.vocoder.receptive_field_frames, self.card.audio.hop_length
        windows, inside, silences, ends = [], [], [], []
        for one, most in zip(mels, frames, strict=True):
            begin, whole = one.frames_vocoded, one.mel.shape[1]
            end = whole if one.tempo != 1.0 else begin + min(one.frames_left, most or one.frames_left)
            first = 0 if field is None else max(0, begin - field)
            last = whole if field is None else end + field
            windows.append(one.mel[:, first:last])
            inside.append(slice((begin - first) * hop, (end - first) * hop))
            silences.append((one.silence_before if begin == 0 else 0, one.silence_after if end == whole else 0))
            ends.append(end)
        longest = max(window.shape[1] for window in windows)
        # Vocoders take this value, in every channel, for the silence beyond a sentence's end.
        batch = torch.stack([F.pad(window, (0, longest - window.shape[1]), value=SILENCE) for window in windows])
        waveforms = self._module.vocode(batch).float().cpu().numpy()
        volumes = [0.0 if one.sentence is None else one.sentence.volume for one in mels]
        sounds = [
            np.pad(amplified(self._in_time(np.nan_to_num(waveform[part]), one.tempo), volume), silence)
            for waveform, part, volume, silence, one in zip(waveforms, inside, volumes, silences, mels, strict=True)
        ]
        for one, end in zip(mels, ends, strict=True):
            one.frames_vocoded = end
        return sounds

    def _speaker_vectors(self, sentences: Sequence[Sentence]) -> Tensor:
        """The vectors of the sentences' speakers, ``[batch, channels]``: where speakers are mixed, the weighted mean of
        theirs."""
        members = [(row, *member) for row, one in enumerate(sentences) for member in one.mixture]
        rows, speakers, weights = zip(*members, strict=True)
        vectors = self._module.speaker(torch.tensor(speakers, device=self._device))
        weighted = vectors * torch.tensor(weights, dtype=vectors.dtype, device=self._device)[:, None]
        sums = torch.zeros(len(sentences), vectors.shape[1], dtype=vectors.dtype, device=self._device)
        return sums.index_add(0, torch.tensor(rows, device=self._device), weighted)

    def _in_time(self, samples: Samples, tempo: float) -> Samples:
        return samples if tempo == 1.0 else at_tempo(samples, tempo, self.card.audio.sample_rate)

    def enter_thread(self) -> None:
        """Let the calling thread compute alone: threads that share a sentence wait for each other most of the time."""
        torch.set_num_threads(1)

    def chunk_frames(self, number: int) -> int | None:
        """Return how many frames a streamed chunk of this number has; None where the vocoder makes whole sentences
        only."""
        if self.card.vocoder.receptive_field_frames is None:
            return None
        seconds = min(LONGEST_CHUNK_SECONDS, FIRST_CHUNK_SECONDS * 2.0 ** min(number, 8))
        return max(1, round(seconds * self.card.audio.sample_rate / self.card.audio.hop_length))
