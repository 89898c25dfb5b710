"""What is counted of a corpus, how many bad clips it may have, and the command that looks at one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.unit.workloads import tiny_corpus
from tts_api.resources.training import AudioFeatures
from tts_api.run import RunDataset
from tts_workloads import text
from tts_workloads.data import InvalidDataset, check, read_corpus
from tts_workloads.data.statistics import MOST_NAMED, ClipMeasures, describe, odd_transcripts

AUDIO = AudioFeatures(sample_rate=tiny_corpus.SAMPLE_RATE)
FRONT_END = text.for_training("en-us")


def clip(number: int, **changes: object) -> ClipMeasures:
    usual = ClipMeasures(
        f"metadata.csv line {number}", "one", f"text {number}", frozenset([1, 2]), 20, 2.0, 2.5, 0.1, 0.0, str(number)
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_a_corpus_is_described() -> None:
    clips = [
        clip(1),
        clip(2, speaker="two", seconds=4.0, length=40, clipped_share=0.01),
        clip(3, text="text 1"),
        clip(4, sound_sha256="1", symbols=frozenset([3])),
    ]
    described = describe(clips, ["_", "a", "b", "c", "d"], ["metadata.csv line 9: gone"])
    assert described.clips == 4
    assert described.seconds == 10.0
    assert (described.shortest_seconds, described.median_seconds, described.longest_seconds) == (2.0, 2.0, 4.0)
    assert described.silence_share == 0.0
    assert described.median_level_decibels == pytest.approx(20 * math.log10(0.1))
    assert described.clipped_clips == 1
    assert {name: one.clips for name, one in described.speakers.items()} == {"one": 3, "two": 1}
    assert described.repeated_texts == ("metadata.csv line 3: as metadata.csv line 1",)
    assert described.repeated_sounds == ("metadata.csv line 4: as metadata.csv line 1",)
    assert described.unseen_symbols == ("d",)
    assert described.left_out == ("metadata.csv line 9: gone",)


@pytest.mark.parametrize(
    ("length", "words"),
    [(20, None), (30, None), (15, None), (90, "may be too long"), (3, "may be too short")],
)
def test_a_transcript_far_from_its_sound_is_odd(length: int, words: str | None) -> None:
    odd = odd_transcripts([*(clip(n, length=18 + n % 5) for n in range(20)), clip(99, length=length)])
    assert len(odd) == (words is not None)
    if words:
        assert odd[0].startswith("metadata.csv line 99: ")
        assert words in odd[0]


def test_long_lists_are_cut_but_every_clip_that_is_left_out_is_named() -> None:
    gone = [f"metadata.csv line {n}: gone" for n in range(100, 200)]
    described = describe([clip(n, text="same") for n in range(100)], ["_"], gone)
    assert described.left_out == tuple(gone)
    assert len(described.repeated_texts) == MOST_NAMED + 1
    assert described.repeated_texts[-1] == "and 79 more"


def spoiled(folder: Path) -> Path:
    """A corpus of 20 clips with two that cannot be used and one that is at full scale."""
    corpus = tiny_corpus.write_corpus(folder / "corpus")
    (corpus / "wavs/clip03.wav").write_bytes(b"")
    (corpus / "wavs/clip04.wav").unlink()
    samples, rate = soundfile.read(corpus / "wavs/clip05.wav")
    soundfile.write(corpus / "wavs/clip05.wav", np.clip(samples * 20, -1, 1), rate)
    return corpus


def test_as_many_bad_clips_as_are_allowed_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = read_corpus("ljspeech", spoiled(tmp_path), AUDIO, FRONT_END, max_invalid_clips=2)
    assert len(corpus.clips) == 18
    assert corpus.statistics is not None
    assert corpus.statistics.clipped_clips == 1
    assert [entry.split(":")[0] for entry in corpus.statistics.left_out] == [
        "metadata.csv line 4",
        "metadata.csv line 5",
    ]
    assert "metadata.csv line 4: wavs/clip03.wav: the file is empty" in caplog.text


def test_one_bad_clip_more_than_allowed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"allow as many with dataset\.maxInvalidClips \(now 1\)") as raised:
        read_corpus("ljspeech", spoiled(tmp_path), AUDIO, FRONT_END, max_invalid_clips=1)
    assert len(raised.value.problems) == 2


def test_a_check_says_what_a_training_would(tmp_path: Path) -> None:
    corpus, audio = spoiled(tmp_path), {"sampleRate": tiny_corpus.SAMPLE_RATE}
    dataset = RunDataset.model_validate({"format": "ljspeech", "language": "en-us", "audio": audio})
    with pytest.raises(InvalidDataset, match=r"metadata.csv line 5: wavs/clip04.wav: there is no such file"):
        check.statistics_of(corpus, dataset)
    tolerant = dataset.model_copy(update={"max_invalid_clips": 2})
    assert json.loads(check.statistics_of(corpus, tolerant))["clips"] == 18
