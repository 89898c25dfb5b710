"""The features of a corpus: those of each clip, gathered as batches have them, and kept between two starts."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LogMel, pitch
from tts_workloads.data import Clip, Corpus, Features, Shards, features_of, gathered, shards
from tts_workloads.data.analysis.world import WorldAnalysis

AUDIO = AudioFeatures(sample_rate=16000)
HOP = AUDIO.hop_length


def corpus(clips: int = 5, sha256: str = "0" * 64) -> Corpus:
    draw = torch.Generator().manual_seed(1)
    at = torch.arange(4 * 16000) / 16000
    made = []
    for number in range(clips):
        frames = 40 + 17 * number
        hum = 0.3 * torch.sin(2 * torch.pi * (120 + 30 * number) * at[: frames * HOP])
        waveform = hum + 0.01 * torch.randn(frames * HOP, generator=draw)
        made.append(Clip(str(number), "", 0, torch.ones(3, dtype=torch.int64), waveform, frames * HOP / 16000))
    return Corpus(tuple(made), ("one",), sha256, sum(clip.seconds for clip in made))


class Computed(Exception):
    """A clip's features are computed, where they should have been kept."""


def nothing_computed() -> None:
    raise Computed


def equal(a: Features, b: Features) -> bool:
    pairs = ((a.mel, b.mel), (a.log_pitch, b.log_pitch), (a.aperiodicity, b.aperiodicity))
    return all(torch.equal(one, other) for one, other in pairs) and a.counts == b.counts


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of two clips or so."""
    monkeypatch.setattr(shards, "SHARD_SECONDS", 1.5)


def test_each_clip_has_the_features_of_its_sound() -> None:
    whole = corpus()
    found = features_of(whole, AUDIO)
    for number, clip in enumerate(whole.clips):
        frames = found.clip(number)
        assert torch.equal(found.mel[frames], LogMel(AUDIO)(clip.waveform[None])[0].T)
        hertz = pitch(clip.waveform, 16000, HOP)
        assert (hertz > 0).any()
        assert torch.equal(found.log_pitch[frames].exp().where(hertz > 0, 0.0), hertz.log().exp().where(hertz > 0, 0.0))
        assert torch.equal(found.log_pitch[frames] > 0, hertz > 0)
    assert found.clip(4).stop == len(found.mel) == sum(found.counts)


def test_worlds_features_are_those_of_its_analysis_and_are_kept(tmp_path: Path) -> None:
    whole, analysis = corpus(), WorldAnalysis(AUDIO)
    found = features_of(whole, AUDIO, "world", shards=Shards(tmp_path, writes=True))
    for number, clip in enumerate(whole.clips):
        expected, frames = analysis.features(clip.waveform), found.clip(number)
        assert torch.equal(found.mel[frames], expected.mel)
        assert torch.equal(found.log_pitch[frames], expected.log_pitch)
        assert torch.equal(found.aperiodicity[frames], expected.aperiodicity)
        assert torch.equal(found.recorded(number), analysis.frames(expected))
    again = features_of(whole, AUDIO, "world", shards=Shards(tmp_path), pause=nothing_computed)
    assert equal(again, found)
    with pytest.raises(Computed):
        features_of(whole, AUDIO, "mel", shards=Shards(tmp_path), pause=nothing_computed)


def test_an_interruption_ends_the_analysis_on_the_host() -> None:
    done = []

    def interrupt() -> None:
        done.append(1)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features_of(corpus(), AUDIO, "world", pause=interrupt)
    assert not [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]


def test_a_batch_has_its_utterances_clips_one_after_another_and_nothing_behind_them() -> None:
    found = features_of(corpus(), AUDIO)
    utterances, longest = [(3, 0), (1,)], 160
    mel = gathered(found.mel, found.places(utterances, longest), -7.0)
    assert mel.shape == (2, longest, AUDIO.n_mels)
    for row, clips in zip(mel, utterances, strict=True):
        said = torch.cat([found.mel[found.clip(clip)] for clip in clips])
        assert torch.equal(row[: len(said)], said)
        assert (row[len(said) :] == -7.0).all()


@pytest.mark.usefixtures("small_shards")
def test_the_next_start_computes_nothing(tmp_path: Path) -> None:
    first = features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True))
    assert len(list(tmp_path.iterdir())) > 1
    again = features_of(corpus(), AUDIO, shards=Shards(tmp_path), pause=nothing_computed)
    assert equal(first, again)


@pytest.mark.usefixtures("small_shards")
def test_what_was_computed_before_an_interruption_is_kept(tmp_path: Path) -> None:
    left = [3]

    def interrupt() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Computed

    with pytest.raises(Computed):
        features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True), pause=interrupt)
    computed: list[int] = []
    again = features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True), pause=lambda: computed.append(1))
    assert 0 < len(computed) < 5
    assert equal(again, features_of(corpus(), AUDIO))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "harm",
    [
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no shard"),
        lambda path: torch.save({"mel": torch.zeros(1, 80), "log_pitch": torch.zeros(1)}, path),
        lambda path: torch.save({"other": torch.zeros(1)}, path),
    ],
    ids=["cut", "empty", "foreign", "shape", "content"],
)
def test_a_shard_that_is_not_whole_is_made_anew(tmp_path: Path, harm) -> None:
    first = features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True))
    (path,) = tmp_path.iterdir()
    harm(path)
    assert equal(first, features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True)))
    assert equal(first, features_of(corpus(), AUDIO, shards=Shards(tmp_path), pause=nothing_computed))


@pytest.mark.parametrize(
    ("whole", "audio"),
    [(corpus(sha256="1" * 64), AUDIO), (corpus(4), AUDIO), (corpus(), AudioFeatures(sample_rate=16000, n_mels=40))],
    ids=["other sound", "fewer clips", "other features"],
)
def test_what_was_made_from_something_else_is_not_taken_and_goes(
    tmp_path: Path, whole: Corpus, audio: AudioFeatures
) -> None:
    features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True))
    (before,) = tmp_path.iterdir()
    with pytest.raises(Computed):
        features_of(whole, audio, shards=Shards(tmp_path), pause=nothing_computed)
    found = features_of(whole, audio, shards=Shards(tmp_path, writes=True))
    assert equal(found, features_of(whole, audio))
    assert not before.exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_volume_without_much_room_is_left_to_the_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30 - 2**16, 2**16))
    with caplog.at_level(logging.WARNING):
        found = features_of(corpus(), AUDIO, shards=Shards(tmp_path / "features", writes=True))
    assert "are not kept" in caplog.text
    assert not list((tmp_path / "features").iterdir())
    assert equal(found, features_of(corpus(), AUDIO))


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    found = features_of(corpus(), AUDIO, shards=Shards(tmp_path / "file" / "features", writes=True))
    assert "are not kept" in caplog.text
    assert equal(found, features_of(corpus(), AUDIO))


def test_of_processes_that_train_together_one_writes_and_forgets(tmp_path: Path) -> None:
    features_of(corpus(), AUDIO, shards=Shards(tmp_path))
    assert not list(tmp_path.iterdir())
    features_of(corpus(), AUDIO, shards=Shards(tmp_path, writes=True))
    Shards(tmp_path).forget()
    assert len(list(tmp_path.iterdir())) == 1
    Shards(tmp_path, writes=True).forget()
    assert not list(tmp_path.iterdir())
