"""What a training leaves to look at while it runs, read as TensorBoard itself reads it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import soundfile
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tts_api.resources.training import AudioFeatures
from tts_workloads.models.stage import Glimpse
from tts_workloads.training.telemetry import record as records
from tts_workloads.training.telemetry.record import Record

AUDIO = AudioFeatures()


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def glimpse(loudness: float = 0.5) -> Glimpse:
    sound = torch.full((AUDIO.sample_rate,), loudness)
    return Glimpse(
        "a clip",
        torch.zeros(AUDIO.n_mels, 40),
        torch.ones(AUDIO.n_mels, 40),
        sound,
        sound,
        ["AH"] * 8,
        torch.rand(40, 8),
    )


def kept(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_tensorboard_sees_numbers_pictures_and_sounds(tmp_path: Path) -> None:
    record = Record(tmp_path, 100, AUDIO)
    record.resume(0)
    for step in range(1, 4):
        record.add(step, "Acoustic", {"loss": 1 / step})
    record.look(3, "Acoustic", glimpse)
    record.close()
    events = kept(tmp_path)
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("acoustic/loss")] == [(1, 1.0), (2, 0.5), (3, 0.333)]
    assert {"acoustic/mel", "acoustic/alignment"} == set(events.Tags()["images"])
    image = events.Images("acoustic/alignment")[0]
    assert (image.width, image.height) == (1000, 600)
    sound, rate = soundfile.read(io.BytesIO(events.Audio("acoustic/spoken")[0].encoded_audio_string))
    assert (rate, len(sound), round(float(sound[0]), 2)) == (AUDIO.sample_rate, AUDIO.sample_rate, 0.5)
    assert (tmp_path / "report" / "mel.png").read_bytes() == events.Images("acoustic/mel")[0].encoded_image_string
    assert (tmp_path / "report" / "loss.png").exists()


def test_after_a_resume_there_is_one_curve(tmp_path: Path) -> None:
    first = Record(tmp_path, 100, AUDIO)
    first.resume(0)
    for step in range(1, 6):
        first.add(step, "Vocoder", {"loss": 1.0})
    first.close()
    second = Record(tmp_path, 100, AUDIO)
    second.resume(3)
    second.add(4, "Vocoder", {"loss": 4.0})
    second.close()
    assert [(e.step, e.value) for e in kept(tmp_path).Scalars("vocoder/loss")] == [(1, 1), (2, 1), (3, 1), (4, 4)]


def test_looking_takes_a_small_share_of_the_time(tmp_path: Path) -> None:
    clock, looked = Clock(), []
    record = Record(tmp_path, 100, AUDIO, clock)
    record.resume(0)

    def show() -> Glimpse:
        looked.append(clock.now)
        clock.now += 1.0
        return glimpse()

    for step in range(1, 200):
        record.look(step, "Acoustic", show)
        clock.now += 1.0
    assert looked == [0.0, 51.0, 102.0, 153.0]


@pytest.mark.parametrize("loudness", [3.0, float("nan")])
def test_a_model_that_went_wrong_is_shown_as_it_is(tmp_path: Path, loudness: float) -> None:
    record = Record(tmp_path, 100, AUDIO)
    record.resume(0)
    record.look(1, "Vocoder", lambda: glimpse(loudness))
    record.close()
    assert len(kept(tmp_path).Audio("vocoder/spoken")) == 1


def test_who_does_not_lead_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = Record(None, 100, AUDIO)
    record.resume(0)
    record.add(1, "Acoustic", {"loss": 1.0})
    record.look(1, "Acoustic", lambda: pytest.fail("looked"))
    record.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(tmp_path, 100, AUDIO)
    record.resume(0)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(records, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        record.look(1, "Acoustic", glimpse)
