"""Measures, number formats, pictures and the curve's file."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tts_workloads.processors import cpu_has_bf16, cpu_is_faster_in_bf16, cpus
from tts_workloads.training.finish.evaluation import (
    Spread,
    align,
    cepstra,
    mel_cepstral_distortion,
    pitch_error,
)
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.telemetry import curve, pictures

CPU = torch.device("cpu")


def mel(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(80, frames))


def by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Dynamic time warping as the textbook has it, cell by cell."""
    cost = {(-1, -1): (0.0, 0)}
    for i in range(len(a)):
        for j in range(len(b)):
            before = min((cost[p] for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if p in cost), key=lambda c: c[0])
            cost[i, j] = (before[0] + float(np.linalg.norm(a[i] - b[j])), before[1] + 1)
    total, length = cost[len(a) - 1, len(b) - 1]
    return total / length


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (20, 31)])
def test_warping_is_the_textbooks(shape: tuple[int, int]) -> None:
    a, b = cepstra(mel(shape[0], 1)), cepstra(mel(shape[1], 2))
    alignment = align(a, b)
    assert alignment.distance == pytest.approx(by_hand(a, b))
    pairs = list(zip(alignment.first.tolist(), alignment.second.tolist(), strict=True))
    assert pairs[0] == (0, 0)
    assert pairs[-1] == (shape[0] - 1, shape[1] - 1)
    assert {(i - k, j - m) for (k, m), (i, j) in pairwise(pairs)} <= {(1, 1), (1, 0), (0, 1)}
    assert alignment.distance == pytest.approx(np.mean([np.linalg.norm(a[i] - b[j]) for i, j in pairs]))


def distortion(spoken: np.ndarray, recorded: np.ndarray) -> float:
    return mel_cepstral_distortion(align(cepstra(spoken), cepstra(recorded)))


def test_the_same_sound_slower_is_no_distortion() -> None:
    sound = mel(40)
    assert distortion(np.repeat(sound, 2, axis=1), sound) == pytest.approx(0, abs=1e-5)


def test_loudness_is_no_distortion_and_a_known_difference_has_a_known_size() -> None:
    sound = mel(30)
    assert distortion(sound + 3.0, sound) == pytest.approx(0, abs=1e-5)
    for mels in (40, 80):
        ripple = np.cos(math.pi * (2 * np.arange(mels) + 1) / (2 * mels))
        constant = np.zeros((mels, 30))
        # The root mean square of the ripple, in decibels.
        expected = 20 / math.log(10) * 0.5 * math.sqrt((ripple**2).mean())
        assert distortion(constant + 0.5 * ripple[:, None], constant) == pytest.approx(expected)


PITCH = np.array([0, 0, 200, 210, 220, 230, 0, 0], dtype=float)


@pytest.mark.parametrize(
    ("spoken", "cents", "voicing"),
    [
        (PITCH, 0.0, 0.0),
        (2 * PITCH, 1200.0, 0.0),
        (PITCH * 2 ** (-1 / 12), 100.0, 0.0),
        (np.where(PITCH == 200, 0, PITCH), 0.0, 1 / 8),
        (np.zeros(8), None, 4 / 8),
        (np.full(8, 220.0) * (PITCH == 0), None, 1.0),
    ],
)
def test_errors_of_pitch_have_known_sizes(spoken: np.ndarray, cents: float | None, voicing: float) -> None:
    frames = np.arange(8, dtype=float)[:, None]
    error = pitch_error(spoken, PITCH, align(frames, frames))
    assert error.voicing == pytest.approx(voicing)
    assert error.cents == (None if cents is None else pytest.approx(cents, abs=1e-6))


LOW, HIGH = np.array([100.0, 120.0, 90.0, 110.0]), np.array([200.0, 240.0, 180.0, 220.0])


@pytest.mark.parametrize(
    ("utterances", "ratio"),
    [
        pytest.param([(0, LOW, LOW)], 1.0, id="as recorded"),
        pytest.param([(0, HIGH, LOW)], 1.0, id="an octave higher is no livelier"),
        pytest.param([(0, LOW**0.5, LOW)], 0.5, id="half as lively"),
        pytest.param([(0, np.full(4, 100.0), LOW)], 0.0, id="a monotone"),
        pytest.param([(0, np.append(LOW, [0.0, 0.0]), LOW)], 1.0, id="what is unvoiced does not count"),
        pytest.param([(0, LOW[:2], LOW[:2]), (0, LOW[2:], LOW[2:])], 1.0, id="in two utterances"),
        pytest.param([(0, LOW**0.5, LOW), (1, HIGH**0.5, HIGH)], 0.5, id="speakers differ, which is no liveliness"),
        pytest.param([(0, LOW.astype(np.int64), LOW)], 1.0, id="durations are whole"),
        pytest.param([(0, np.zeros(4), LOW)], None, id="nothing voiced is spoken"),
        pytest.param([(0, LOW, np.zeros(0))], None, id="nothing voiced is recorded"),
        pytest.param([(0, LOW, np.full(4, 100.0))], None, id="the recordings do not vary"),
        pytest.param([], None, id="no utterances"),
    ],
)
def test_spread_is_that_of_each_speaker_beside_the_recordings(
    utterances: list[tuple[int, np.ndarray, np.ndarray]], ratio: float | None
) -> None:
    spread = Spread()
    for utterance in utterances:
        spread.add(*utterance)
    assert spread.ratio() == (None if ratio is None else pytest.approx(ratio))


@pytest.mark.parametrize(
    ("flags", "has"),
    [("flags\t\t: fpu avx512_bf16 sse\n", True), ("flags: amx_bf16\n", True), ("flags: avx2\n", False), ("", False)],
)
def test_bf16_is_taken_from_hardware_only(tmp_path: Path, flags: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name: x\n{flags}bugs: none\n")
    assert cpu_has_bf16(tmp_path / "cpuinfo") is has
    assert cpu_has_bf16(tmp_path / "absent") is False


def test_a_cpu_trains_in_fp32_unless_it_can_do_better(caplog: pytest.LogCaptureFixture) -> None:
    assert choose("auto", CPU).dtype is (torch.bfloat16 if cpu_is_faster_in_bf16() else None)
    assert choose("fp32", CPU).dtype is None
    assert choose("fp16", CPU).dtype is None
    assert "fp16" in caplog.text
    assert choose("bf16", CPU).dtype is (torch.bfloat16 if cpu_has_bf16() else None)
    assert not choose("auto", CPU).scaler().is_enabled()


def test_a_process_counts_the_cpus_it_may_use() -> None:
    assert 1 <= cpus() <= 4096


def test_pictures_are_pictures() -> None:
    points = [{"step": s, "stage": "Acoustic", "loss": 1 / s} for s in range(1, 200)]
    points += [
        {"step": 100, "stage": "Acoustic", "validation/loss": 0.1},
        {"step": 300, "stage": "Vocoder", "loss": 2.0},
    ]
    drawn = [
        pictures.loss_picture(points),
        pictures.loss_picture([]),
        pictures.alignment_picture(np.eye(30, 12), ["AH"] * 12, 0.016, "a clip"),
        pictures.mels_picture(mel(40), mel(50), 0.016, "a clip"),
    ]
    assert all(picture.startswith(b"\x89PNG") for picture in drawn)
    assert len(set(drawn)) == len(drawn)


def test_a_curve_goes_on_where_its_training_does(tmp_path: Path) -> None:
    path = tmp_path / "report" / "curve.jsonl"
    first = curve.Curve(path, 10)
    for step in range(1, 6):
        first.add(step, "Acoustic", {"loss": float(step)})
    first.close()
    path.write_text(path.read_text() + '{"step": 6, "sta')  # killed while it wrote
    second = curve.Curve(path, 10)
    second.resume(3)
    second.add(4, "Acoustic", {"loss": 4.5})
    second.close()
    assert [(p["step"], p["loss"]) for p in curve.read(path)] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.5)]


def test_a_long_training_keeps_a_curve_that_can_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    long = curve.Curve(path, 50_000)
    for step in range(1, 101):
        long.add(step, "Acoustic", {"loss": 1.0})
    long.add(55, "Acoustic", {"validation/loss": 1.0})
    long.close()
    assert len(curve.read(path)) == 11
