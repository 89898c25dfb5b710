"""What a training does after its last step: it measures the voice on the held-out clips, writes it, and writes
pictures, samples and the model card to ``report/``. A try after an interruption finds what an earlier one finished."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from tts_api.report import Artifact, Evaluation, TrainingResult
from tts_api.run import TrainingRun, digest
from tts_api.voice import CARD_FILE, Provenance, VocoderCard, VoiceCard
from tts_workloads import models, text
from tts_workloads.audio import LogMel
from tts_workloads.files import sha256_of, write_bytes
from tts_workloads.report import now
from tts_workloads.training.finish import card_page, report_page
from tts_workloads.training.finish.export import write_voice
from tts_workloads.training.finish.listeners import listened_to
from tts_workloads.training.finish.measure import SpokenClip, copied, measure, speak
from tts_workloads.training.setup.assemble import Training
from tts_workloads.training.setup.settings import settings_of
from tts_workloads.training.setup.weights import training_only
from tts_workloads.training.telemetry import curve, pictures

log = logging.getLogger(__name__)

RESULT_FILE = "result.json"
SAMPLES = 4
"""Number of held-out clips whose speech is written for people to listen to, beside the recordings."""


def earlier_result(run: TrainingRun, folder: Path, root: Path) -> TrainingResult | None:
    """The result of an earlier try of this run; None where there is none, or where its voice is not complete."""
    try:
        result = TrainingResult.model_validate_json((folder / RESULT_FILE).read_text())
        card = VoiceCard.model_validate_json((folder / "report" / CARD_FILE).read_text())
        whole = sha256_of(root / result.artifact.path) == result.artifact.sha256
    except (OSError, ValidationError):
        return None
    return result if whole and card.provenance.run_sha256 == digest(run) else None


def finish(
    run: TrainingRun,
    training: Training,
    steps: int,
    device: torch.device,
    folder: Path,
    root: Path,
    seconds_left: Callable[[], float] = lambda: math.inf,
) -> TrainingResult:
    """Measure the voice and write it. ``steps`` is the number of steps done, ``folder`` the folder of the run and
    ``root`` the root of the volume; ``seconds_left`` returns how long it may take to listen to the voice. Raises
    StorageFull, and RuntimeError where the written voice does not speak."""
    module = models.build_voice(training.acoustic, training.vocoder).to(device).eval()
    spoken = [speak(module, training, clip, device) for clip in training.held_out]
    copy = partial(copied, module, training, device=device)
    evaluation = listened_to(measure(training, spoken, device), training, spoken, folder, copy, seconds_left())
    card = describe(run, training, steps, evaluation)
    report = folder / "report"
    leave_report(report, training, card, spoken)
    artifact = write(training, module, card, folder, root)
    result = TrainingResult(artifact=artifact, evaluation=evaluation)
    document = result.model_dump_json(by_alias=True, exclude_none=True, indent=1)
    write_bytes(folder / RESULT_FILE, document.encode())
    log.info("the voice is written", extra={"event": "exported", "path": artifact.path, "sha256": artifact.sha256})
    return result


def write(training: Training, module: nn.Module, card: VoiceCard, folder: Path, root: Path) -> Artifact:
    """Write the file of the voice into ``folder``. ``module`` is a ``VoiceModule``, which ends up on the CPU. Raises
    StorageFull, and RuntimeError where the written voice does not speak."""
    return write_voice(
        folder,
        module,
        card,
        training.front_end.files(),
        speak=_symbols(training, training.train[0]),
        root=root,
        training_only=training_only(training.acoustic),
    )


def describe(run: TrainingRun, training: Training, steps: int, evaluation: Evaluation | None) -> VoiceCard:
    """The card of the voice. ``steps`` is the number of steps done; ``evaluation`` is None where nothing was
    measured."""
    trained_on = [training.corpus.clips[clip] for clip in training.train]
    return VoiceCard(
        name=run.resource.name if run.resource else run.output,
        languages=(run.dataset.language,),
        speakers=training.corpus.speakers,
        audio=run.dataset.audio,
        model=training.run.model,
        supports=models.supports(training.acoustic, training.vocoder),
        front_end=text.describe(training.front_end),
        vocoder=VocoderCard(receptive_field_frames=training.vocoder.receptive_field_frames),
        provenance=Provenance(
            run_sha256=digest(run),
            data_sha256=training.corpus.sha256,
            clips=len(trained_on),
            seconds=round(sum(clip.seconds for clip in trained_on), 1),
            steps=steps,
            created_at=now(),
            torch=torch.__version__,
            acoustic_from=run.sources.acoustic.sha256 if run.sources.acoustic else None,
            vocoder_from=run.sources.vocoder.sha256 if run.sources.vocoder else None,
        ),
        settings=settings_of(training.run, training.device),
        evaluation=evaluation,
    )


def leave_report(report: Path, training: Training, card: VoiceCard, spoken: Sequence[SpokenClip]) -> None:
    """Write the pictures, the samples, the model card, and a page with all of them."""
    report.mkdir(parents=True, exist_ok=True)
    clips, seconds_per_frame = training.corpus.clips, card.audio.hop_length / card.audio.sample_rate
    write_bytes(report / "loss.png", pictures.loss_picture(curve.read(report / "curve.jsonl")))
    clip = training.shown
    alignment = training.acoustic.alignment(clip)
    if alignment is not None:
        symbols = [training.front_end.symbols[symbol] for symbol in _symbols(training, clip)]
        drawn = pictures.alignment_picture(alignment.numpy(), symbols, seconds_per_frame, clips[clip].text)
        write_bytes(report / "alignment.png", drawn)
    said = next((one for one in spoken if one.clip == clip and len(one.waveform) > card.audio.n_fft), None)
    if said is not None:
        log_mel = LogMel(card.audio)
        recorded, made = (
            log_mel(sound[None])[0].numpy() for sound in (clips[clip].waveform, torch.from_numpy(said.waveform))
        )
        mels = pictures.mels_picture(recorded, made, seconds_per_frame, clips[clip].text)
        write_bytes(report / "mel.png", mels)
    samples = report / "samples"
    samples.mkdir(exist_ok=True)
    transcripts = {}
    for one in spoken[:SAMPLES]:
        heard = clips[one.clip]
        name = heard.id.replace("/", "_")
        transcripts[name] = heard.text
        _write_wav(samples / f"{name}-spoken.wav", one.waveform, card.audio.sample_rate)
        _write_wav(samples / f"{name}-recorded.wav", heard.waveform.numpy(), card.audio.sample_rate)
    write_bytes(report / CARD_FILE, card.model_dump_json(by_alias=True, indent=1).encode())
    write_bytes(report / "model-card.md", card_page.page(card).encode())
    whole = report_page.page(report, training.run.to_json_object(), transcripts)
    write_bytes(report / report_page.PAGE, whole.encode())


def _symbols(training: Training, clip: int) -> list[int]:
    symbols: list[int] = training.corpus.clips[clip].symbols.tolist()
    return symbols


def _write_wav(path: Path, waveform: NDArray[np.float32], sample_rate: int) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1, 1), sample_rate, format="WAV", subtype="PCM_16")
    write_bytes(path, buffer.getvalue())
