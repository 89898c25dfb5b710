"""What a training does after its last step: measures the voice on the held-out clips, writes it, and leaves pictures,
samples and the model card in ``report/``. A second try after an interruption finds what the first one finished."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from tts_api.report import Evaluation, TrainingResult
from tts_api.run import TrainingRun, digest
from tts_api.voice import CARD_FILE, Provenance, VocoderCard, VoiceCard
from tts_workloads import models, text
from tts_workloads.audio import LogMel
from tts_workloads.report import now
from tts_workloads.training import card_page, curve, pictures
from tts_workloads.training.assemble import Training
from tts_workloads.training.checkpoint import sha256_of, write_whole
from tts_workloads.training.evaluation import mel_cepstral_distortion
from tts_workloads.training.export import write_voice
from tts_workloads.training.weights import training_only

log = logging.getLogger(__name__)

RESULT_FILE = "result.json"
SAMPLES = 4
"""Held-out clips whose speech is left for people to listen to, beside their recordings."""


@dataclass(frozen=True)
class Spoken:
    """A held-out clip as the voice says it."""

    clip: int
    waveform: NDArray[np.float32]
    seconds_computing: float


def earlier_result(run: TrainingRun, folder: Path, root: Path) -> TrainingResult | None:
    """What an earlier try of this run has finished; None where it has not, or the voice is not whole."""
    try:
        result = TrainingResult.model_validate_json((folder / RESULT_FILE).read_text())
        card = VoiceCard.model_validate_json((folder / "report" / CARD_FILE).read_text())
        whole = sha256_of(root / result.artifact.path) == result.artifact.sha256
    except (OSError, ValidationError):
        return None
    return result if whole and card.provenance.run_sha256 == digest(run) else None


def finish(run: TrainingRun, training: Training, device: torch.device, folder: Path, root: Path) -> TrainingResult:
    """Measure and write the voice. ``folder`` is the run's, ``root`` that of the volume. Raises StorageFull."""
    module = models.build_voice(training.acoustic, training.vocoder).to(device).eval()
    spoken = [speak(module, training, clip, device) for clip in training.held_out]
    evaluation = measure(run, training, spoken, device)
    card = describe(run, training, evaluation)
    report = folder / "report"
    leave_report(report, training, card, spoken)
    artifact = write_voice(
        folder, module, card, training.front_end.files(), speak=_symbols(training, training.train[0]), root=root,
        training_only=training_only(training.acoustic),
    )  # fmt: skip
    result = TrainingResult(artifact=artifact, evaluation=evaluation)
    document = result.model_dump_json(by_alias=True, exclude_none=True, indent=1)
    write_whole(folder / RESULT_FILE, lambda file: file.write(document.encode()))
    log.info("the voice is written", extra={"event": "exported", "path": artifact.path, "sha256": artifact.sha256})
    return result


@torch.inference_mode()
def speak(module: nn.Module, training: Training, clip: int, device: torch.device) -> Spoken:
    """Have the voice say a clip's text."""
    symbols = training.corpus.clips[clip].symbols.to(device)
    speaker = torch.tensor([training.corpus.clips[clip].speaker], device=device)
    one = torch.ones(1, device=device)
    started = time.perf_counter()
    length = torch.tensor([len(symbols)], device=device)
    waveform = module(symbols[None], length, module.speaker(speaker), one, one, None)  # type: ignore[operator]
    samples = waveform.reshape(-1).float().cpu().numpy()
    return Spoken(clip, samples, time.perf_counter() - started)


@torch.inference_mode()
def measure(run: TrainingRun, training: Training, spoken: Sequence[Spoken], device: torch.device) -> Evaluation:
    """The voice's quality on the held-out clips."""
    log_mel = LogMel(run.dataset.audio)

    def mel(waveform: torch.Tensor) -> NDArray[np.float32]:
        frames: NDArray[np.float32] = log_mel(waveform[None])[0].numpy()
        return frames

    distortions = [
        mel_cepstral_distortion(mel(torch.from_numpy(s.waveform)), mel(training.corpus.clips[s.clip].waveform))
        for s in spoken
        if len(s.waveform) > run.dataset.audio.n_fft
    ]
    audio_seconds = sum(len(s.waveform) for s in spoken) / run.dataset.audio.sample_rate
    return Evaluation(
        clips=len(spoken),
        mel_loss=_mel_loss(training, device),
        mel_cepstral_distortion=round(float(np.mean(distortions)), 3) if distortions else None,
        real_time_factor=round(sum(s.seconds_computing for s in spoken) / audio_seconds, 5) if audio_seconds else None,
    )


def _mel_loss(training: Training, device: torch.device) -> float | None:
    """Mean absolute error of the acoustic model's frames where it is told the recording's timing."""
    stage = training.acoustic
    stage.model.to(device).eval()
    batches = [batch.to(device) for batch in stage.validation()]
    losses = [(float(stage.model(batch, stage.steps)["mel"]), batch.seconds) for batch in batches]
    weight = sum(seconds for _, seconds in losses)
    return round(sum(loss * seconds for loss, seconds in losses) / weight, 5) if weight else None


def describe(run: TrainingRun, training: Training, evaluation: Evaluation | None) -> VoiceCard:
    """The voice's card."""
    trained_on = [training.corpus.clips[clip] for clip in training.train]
    return VoiceCard(
        name=run.resource.name if run.resource else run.output,
        languages=(run.dataset.language,),
        speakers=training.corpus.speakers,
        audio=run.dataset.audio,
        model=training.run.model,
        supports=models.SUPPORTS,
        front_end=text.describe(training.front_end),
        vocoder=VocoderCard(receptive_field_frames=training.vocoder.receptive_field_frames),
        provenance=Provenance(
            run_sha256=digest(run), data_sha256=training.corpus.sha256, clips=len(trained_on),
            seconds=round(sum(clip.seconds for clip in trained_on), 1),
            steps=sum(stage.steps for stage in training.stages), created_at=now(), torch=torch.__version__,
            acoustic_from=run.sources.acoustic.sha256 if run.sources.acoustic else None,
            vocoder_from=run.sources.vocoder.sha256 if run.sources.vocoder else None,
        ),
        evaluation=evaluation,
    )  # fmt: skip


def leave_report(report: Path, training: Training, card: VoiceCard, spoken: Sequence[Spoken]) -> None:
    """Leave the pictures, the samples and the model card."""
    report.mkdir(parents=True, exist_ok=True)
    points = curve.read(report / "curve.jsonl")
    pictures.draw_loss(report / "loss.png", points)
    clip = min(training.held_out or training.train, key=lambda c: abs(training.corpus.clips[c].seconds - 3.0))
    pictures.draw_alignment(
        report / "alignment.png", training.acoustic.alignment(clip).numpy(),
        [training.front_end.symbols[symbol] for symbol in _symbols(training, clip)],
        card.audio.hop_length / card.audio.sample_rate, training.corpus.clips[clip].text,
    )  # fmt: skip
    samples = report / "samples"
    samples.mkdir(exist_ok=True)
    for one in spoken[:SAMPLES]:
        heard = training.corpus.clips[one.clip]
        name = heard.id.replace("/", "_")
        _write_wav(samples / f"{name}-spoken.wav", one.waveform, card.audio.sample_rate)
        _write_wav(samples / f"{name}-recorded.wav", heard.waveform.numpy(), card.audio.sample_rate)
    write_whole(report / CARD_FILE, lambda file: file.write(card.model_dump_json(by_alias=True, indent=1).encode()))
    write_whole(report / "model-card.md", lambda file: file.write(card_page.page(card).encode()))


def _symbols(training: Training, clip: int) -> list[int]:
    symbols: list[int] = training.corpus.clips[clip].symbols.tolist()
    return symbols


def _write_wav(path: Path, waveform: NDArray[np.float32], sample_rate: int) -> None:
    soundfile.write(path, np.clip(waveform, -1, 1), sample_rate, subtype="PCM_16")
