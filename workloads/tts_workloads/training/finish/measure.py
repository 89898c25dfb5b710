"""Measures a finished voice on the clips that it was not trained on. The measures are computed in ``evaluation``;
models that listen as people do are in ``listeners``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tts_api.report import Evaluation
from tts_workloads.audio import LogMel, pitch
from tts_workloads.training.finish.evaluation import Spread, align, cepstra, mel_cepstral_distortion, pitch_error
from tts_workloads.training.setup.assemble import Training


@dataclass(frozen=True)
class SpokenClip:
    """A held-out clip as the voice speaks it."""

    clip: int
    """Number of the clip."""
    waveform: NDArray[np.float32]
    """The sound ``[samples]`` float32."""
    durations: Tensor
    """Number of frames of each symbol, ``[symbols]`` int64."""
    seconds_computing: float


@torch.inference_mode()
def speak(module: nn.Module, training: Training, clip: int, device: torch.device) -> SpokenClip:
    """Have the voice speak the text of a clip. ``module`` is a ``VoiceModule`` on the device."""
    symbols = training.corpus.clips[clip].symbols.to(device)
    speaker = torch.tensor([training.corpus.clips[clip].speaker], device=device)
    one = torch.ones(1, device=device)
    started = time.perf_counter()
    length = torch.tensor([len(symbols)], device=device)
    frames, _, durations = module.acoustic(symbols[None], length, module.speaker(speaker), one, one, None)  # type: ignore[operator]
    samples = module.vocode(frames).reshape(-1).float().cpu().numpy()  # type: ignore[operator]
    return SpokenClip(clip, samples, durations[0].cpu(), time.perf_counter() - started)


@torch.inference_mode()
def copied(module: nn.Module, training: Training, clip: int, device: torch.device) -> NDArray[np.float32]:
    """Return copy synthesis of a clip ``[samples]`` float32: the vocoder's sound from the recording's own frames.
    ``module`` is a ``VoiceModule`` on the device."""
    frames = training.acoustic.task.features.recorded(clip).T[None].to(device)
    sound: Tensor = module.vocode(module.whole(frames))  # type: ignore[operator]
    return sound.reshape(-1).float().cpu().numpy()


@torch.inference_mode()
def measure(training: Training, spoken: Sequence[SpokenClip], device: torch.device) -> Evaluation:
    """The voice's quality on the held-out clips."""
    audio = training.run.dataset.audio
    log_mel = LogMel(audio)
    milliseconds = 1000 * audio.hop_length / audio.sample_rate
    distortions, cents, voicing, durations = [], [], [], []
    pitch_spread, duration_spread = Spread(), Spread()
    for one in spoken:
        clip = training.corpus.clips[one.clip]
        made, recorded = torch.from_numpy(one.waveform), clip.waveform
        heard = training.acoustic.durations(one.clip)
        if heard is not None:
            durations.append(float((one.durations - heard).abs().float().mean()) * milliseconds)
            duration_spread.add(clip.speaker, one.durations.numpy(), heard.numpy())
        if len(made) <= audio.n_fft:
            continue
        alignment = align(*(cepstra(log_mel(sound[None])[0].numpy()) for sound in (made, recorded)))
        distortions.append(mel_cepstral_distortion(alignment))
        pitches = [pitch(sound, audio.sample_rate, audio.hop_length).numpy() for sound in (made, recorded)]
        pitch_spread.add(clip.speaker, pitches[0], pitches[1])
        error = pitch_error(pitches[0], pitches[1], alignment)
        voicing.append(error.voicing)
        cents.append(error.cents)
    audio_seconds = sum(len(one.waveform) for one in spoken) / audio.sample_rate
    computing = sum(one.seconds_computing for one in spoken)
    return Evaluation(
        clips=len(spoken),
        mel_loss=_mel_loss(training, device),
        mel_cepstral_distortion=_mean(distortions, 3),
        pitch_error_cents=_mean(cents, 1),
        voicing_error=_mean(voicing, 4),
        duration_error_milliseconds=_mean(durations, 1),
        pitch_spread=_rounded(pitch_spread.ratio(), 2),
        duration_spread=_rounded(duration_spread.ratio(), 2),
        real_time_factor=round(computing / audio_seconds, 5) if audio_seconds else None,
    )


def _mean(values: Iterable[float | None], digits: int) -> float | None:
    known = [value for value in values if value is not None]
    return _rounded(float(np.mean(known)) if known else None, digits)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _mel_loss(training: Training, device: torch.device) -> float | None:
    """Mean absolute error of the acoustic model's mel bands, in nepers, where it is given the recording's timing."""
    stage, features = training.acoustic, training.acoustic.task.features
    stage.training_module.to(device)
    total, count = 0.0, 0
    for clip in training.held_out:
        predicted = stage.predict(clip)[:, : features.mel.shape[1]]
        error = (predicted - features.mel[features.clip(clip)].to(device)).abs()
        total, count = total + float(error.double().sum()), count + error.numel()
    return round(total / count, 5) if count else None
