"""Augmentation: each option changes what it promises and nothing else, and a resume draws the same."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.unit.workloads.models.test_models import batch_of, stages
from tests.unit.workloads.tiny_stage import Asked, Points, TinyStage, tiny_loop
from tts_api.resources.training import AudioFeatures
from tts_api.resources.training_options import Augmentation
from tts_workloads.audio import SILENCE, LogMel
from tts_workloads.models.acoustic.utterances import UtteranceBatch
from tts_workloads.models.augmentation import draw_gains, louder, masked, noisy, stretched, stretched_frames
from tts_workloads.models.vocoder.losses import VocoderBatch
from tts_workloads.training.loop.trainer import Interrupted

AUDIO = AudioFeatures(sample_rate=16000)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def test_louder_frames_are_those_of_the_louder_sound() -> None:
    sound = 0.1 * torch.randn(1, 16000)
    log_mel = LogMel(AUDIO)
    torch.testing.assert_close(louder(log_mel(sound), torch.tensor(math.log(2.0))), log_mel(2 * sound))
    silence = torch.full((1, 3, 4), SILENCE)
    assert torch.equal(louder(silence, torch.tensor(1.0)), silence)
    assert torch.equal(noisy(silence, 1.0), silence)
    assert float(louder(log_mel(sound), torch.tensor(-99.0)).min()) == pytest.approx(SILENCE)


def test_gains_are_in_decibels() -> None:
    gains = draw_gains(1000, 20.0, torch.device("cpu"))
    assert 2.2 < float(gains.max()) <= math.log(10)
    assert -math.log(10) <= float(gains.min()) < -2.2


def test_a_stretched_line_is_a_line() -> None:
    line = torch.stack([torch.arange(10.0), torch.arange(10.0)])
    frames, new = torch.tensor([10, 6]), torch.tensor([20, 3])
    slow, fast = stretched(line, frames, new, 24, blend=True)
    torch.testing.assert_close(slow[:20].diff()[1:-1], torch.full((17,), 0.5))
    torch.testing.assert_close(fast[:3], torch.tensor([0.5, 2.5, 4.5]))
    assert not slow[20:].any()
    assert not fast[3:].any()
    assert torch.equal(stretched(line[:1], frames[:1], frames[:1], 10, blend=True), line[:1])


def test_pitch_is_read_and_never_mixed() -> None:
    pitch = torch.tensor([[0.0, 5.0, 5.1, 0.0, 5.3, 0.0]])
    read = stretched(pitch, torch.tensor([6]), torch.tensor([17]), 17, blend=False)
    assert set(read[0].tolist()) == set(pitch[0].tolist())
    assert torch.equal(stretched(pitch, torch.tensor([6]), torch.tensor([6]), 6, blend=False), pitch)


def test_every_symbol_keeps_a_frame() -> None:
    for _ in range(50):
        new = stretched_frames([100, 50, 20], [10, 48, 20], 0.5)
        assert 50 <= new[0] <= 150
        assert new[1] >= 48
        assert new[2] >= 20


def test_a_share_is_hidden_and_the_rest_is_as_it_was() -> None:
    mel, frames = torch.randn(8, 64, 40), torch.tensor([64] * 7 + [20])
    hidden = masked(mel, frames, 0.5) != mel
    whole_bands, whole_frames = hidden.all(1), hidden[:, :, :].all(2)
    assert (hidden == (whole_bands[:, None, :] | whole_frames[:, :, None])).all(), "bands and stretches alone"
    assert whole_bands.float().mean(1).max() <= 0.5
    assert whole_frames.sum(1).max() <= 32
    assert whole_frames[7].sum() <= 10
    assert hidden.any()


def acoustic_batch() -> UtteranceBatch:
    batch = stages("ddsp")[0].collate([(0,), (1,)])
    assert isinstance(batch, UtteranceBatch)
    return replace(batch, log_pitch=torch.rand_like(batch.log_pitch) + 5)  # the clips are noise, which has none


@pytest.mark.parametrize(
    ("how", "changes"),
    [
        (Augmentation(), set()),
        (Augmentation(gain_decibels=6), {"mel", "heard"}),
        (Augmentation(speed=0.3), {"mel", "heard", "frames", "log_pitch"}),
        (Augmentation(noise=0.1), {"heard"}),
        (Augmentation(masked=0.4), {"heard"}),
    ],
)
def test_an_option_changes_what_it_promises(how: Augmentation, changes: set[str]) -> None:
    batch = acoustic_batch()
    changed = batch.augmented(how)
    seen = {
        name
        for name in ("tokens", "lengths", "speakers", "mel", "frames", "log_pitch")
        if not torch.equal(getattr(batch, name), getattr(changed, name))
    }
    assert changed.heard is not None
    heard = {"heard"} if not torch.equal(batch.mel, changed.heard) else set()
    assert seen | heard == changes
    assert changed.on_host[0] == changed.frames.tolist()
    behind = torch.arange(changed.mel.shape[1])[None, :] >= changed.frames[:, None]
    assert not changed.mel[behind].any(), "padding stays padding"


def test_a_vocoders_segments_stay_the_sound_of_their_frames() -> None:
    stage = stages("ddsp")[1]
    torch.manual_seed(1)
    batch = batch_of(stage, 0, 1)
    assert isinstance(batch, VocoderBatch)
    gained = batch.augmented(Augmentation(gain_decibels=12))
    gains = (gained.waveform.abs().amax(1) / batch.waveform.abs().amax(1).clamp_min(1e-9)).log()
    audible = batch.mel > SILENCE + 2
    shift = (gained.mel - batch.mel) - gains[:, None, None]
    assert float((shift * audible).abs().max()) < 1e-3
    assert gains.abs().max() > 0.1
    noised = batch.augmented(Augmentation(noise=0.3))
    assert torch.equal(noised.waveform, batch.waveform)
    assert (noised.mel - batch.mel)[audible].std() == pytest.approx(0.3, rel=0.2)


@pytest.mark.parametrize("looks", [3, 11])
def test_a_resume_draws_the_same(tmp_path: Path, looks: int) -> None:
    options = {"augmentation": {"noise": 0.5}, "precision": "fp32"}
    plain, whole, parts = Points(), Points(), Points()
    tiny_loop(tmp_path / "plain", plain, [TinyStage()], precision="fp32").train()
    tiny_loop(tmp_path / "whole", whole, [TinyStage()], **options).train()
    with pytest.raises(Interrupted):
        tiny_loop(tmp_path / "parts", parts, [TinyStage()], Asked(after=looks), **options).train()
    tiny_loop(tmp_path / "parts", parts, [TinyStage()], **options).train()
    assert parts.losses() == whole.losses()
    assert whole.losses() != plain.losses()
