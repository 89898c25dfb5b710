"""Corpora on disk: what is read of good ones, and all that is said about bad ones, by file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tts_api.reasons import Reason
from tts_api.resources.training import AudioFeatures
from tts_workloads import text
from tts_workloads.data import Corpus, InvalidDataset, read_corpus, split
from tts_workloads.data.formats import FORMATS

RATE = 16000
AUDIO = AudioFeatures(sample_rate=RATE, n_fft=1024, hop_length=200, n_mels=80)
FRONT_END = text.for_training("en-us")


def sound(path: Path, seconds: float = 1.0, *, rate: int = RATE, hertz: float = 300, amplitude: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    moments = np.arange(int(seconds * rate)) / rate
    soundfile.write(path, amplitude * np.sin(2 * np.pi * hertz * moments), rate)
    return path


def ljspeech(folder: Path, metadata: str | bytes) -> Path:
    """A folder with the sounds a.wav, b.wav, c.flac, and this metadata.csv."""
    for name in ("a.wav", "b.wav", "c.flac"):
        sound(folder / "wavs" / name)
    (folder / "metadata.csv").write_bytes(metadata if isinstance(metadata, bytes) else metadata.encode())
    return folder


def manifest(folder: Path, *lines: Any) -> Path:
    """A folder with the sounds clips/a.wav, clips/b.wav, and these lines."""
    for name in ("a.wav", "b.wav"):
        sound(folder / "clips" / name)
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "manifest.jsonl").write_text("\n".join(written), encoding="utf-8")
    return folder


def read(format_name: str, folder: Path) -> Corpus:
    return read_corpus(format_name, folder, AUDIO, FRONT_END)


def problems(format_name: str, folder: Path) -> list[str]:
    with pytest.raises(InvalidDataset) as raised:
        read(format_name, folder)
    assert raised.value.reason is Reason.INVALID_DATASET
    assert str(raised.value).startswith(f"{folder}: ")
    assert "Remedy: " in str(raised.value)
    return list(raised.value.problems)


@pytest.mark.parametrize(
    ("metadata", "texts"),
    [
        ("a|Hello.\nb|Bye.\n", {"a": "Hello.", "b": "Bye."}),
        ("a|It cost $5.|It cost five dollars.\n", {"a": "It cost five dollars."}),
        ("\ufeffa|Hello.", {"a": "Hello."}),
        ("a|Hello.\r\nb|Bye.\r\n", {"a": "Hello.", "b": "Bye."}),
        ("\n  \n a | Hello. \n\n", {"a": "Hello."}),
        ("a.wav|Hello.\nc.flac|Bye.", {"a.wav": "Hello.", "c.flac": "Bye."}),
        ("c|Hello.", {"c": "Hello."}),
        ('a|"Naïve," she said; it\'s a café.', {"a": '"Naïve," she said; it\'s a café.'}),
    ],
    ids=["two fields", "three fields", "byte order mark", "CRLF", "blanks", "suffixes", "another suffix", "quotes"],
)
def test_ljspeech_folders(tmp_path: Path, metadata: str, texts: dict[str, str]) -> None:
    corpus = read("ljspeech", ljspeech(tmp_path, metadata))
    assert {clip.id: clip.text for clip in corpus.clips} == texts
    assert corpus.speakers == ("default",)
    assert corpus.seconds == pytest.approx(len(texts), abs=0.1)


@pytest.mark.parametrize(
    ("there", "wanted", "read"),
    [
        (["x.WAV"], "x", "x.WAV"),
        (["x.Aiff"], "x", "x.Aiff"),
        (["x.m4a"], "x", "x.m4a"),
        (["x.aac"], "x", "x.aac"),
        (["x.WAV"], "x.wav", "x.WAV"),
        (["x.wav"], "x.WAV", "x.wav"),
        (["x.wav", "x.WAV"], "x.WAV", "x.WAV"),
        (["x.wav", "x.WAV"], "x", "x.wav"),
        (["x.mp3", "x.OGG", "x.FLAC", "x.txt"], "x", "x.FLAC"),
        (["x.wav.wav", "x.wav"], "x.wav", "x.wav.wav"),
        (["x.1.flac", "x.wav"], "x.1", "x.1.flac"),
        (["x", "y.wav"], "x", "x"),
        (["x.txt"], "x", "x.wav"),
    ],
)
def test_the_sound_of_an_id(tmp_path: Path, there: list[str], wanted: str, read: str) -> None:
    for folder in ("", "chapter"):
        (tmp_path / "wavs" / folder).mkdir(parents=True)
        for name in there:
            (tmp_path / "wavs" / folder / name).touch()
    (tmp_path / "metadata.csv").write_text(f"{wanted}|Hello.\nchapter/{wanted}|Bye.")
    bad: list[str] = []
    audio = [entry.audio.relative_to(tmp_path / "wavs") for entry in FORMATS["ljspeech"].read(tmp_path, bad)]
    assert (audio, bad) == ([Path(read), Path("chapter", read)], [])


def test_a_clip_has_whole_frames_and_the_symbols_of_its_text(tmp_path: Path) -> None:
    (clip,) = read("ljspeech", ljspeech(tmp_path, "a|Hello world.")).clips
    assert clip.waveform.dtype is torch.float32
    assert len(clip.waveform) % AUDIO.hop_length == 0
    assert clip.seconds == len(clip.waveform) / RATE == pytest.approx(1.0, abs=0.02)
    assert clip.symbols.dtype is torch.int64
    assert clip.symbols.tolist() == FRONT_END.encode("Hello world.")


def test_sound_is_brought_to_the_corpus_rate_and_trimmed(tmp_path: Path) -> None:
    folder = ljspeech(tmp_path, "a|Hello.")
    tone = 0.3 * np.sin(2 * np.pi * 300 * np.arange(44100) / 44100)
    padded = np.concatenate([np.zeros(44100), tone, np.zeros(44100)])
    soundfile.write(folder / "wavs" / "a.wav", np.stack([padded, padded], axis=1), 44100)
    (clip,) = read("ljspeech", folder).clips
    assert clip.seconds == pytest.approx(1.06, abs=0.03)
    assert float(clip.waveform.abs().max()) == pytest.approx(0.3, abs=0.01)


def test_manifests_name_speakers(tmp_path: Path) -> None:
    folder = manifest(
        tmp_path,
        {"audio": "clips/b.wav", "text": "Hello.", "speaker": "ruth"},
        {"audio": "clips/a.wav", "text": " Bye. ", "speaker": "adam", "take": 3},
    )
    corpus = read("manifest", folder)
    assert corpus.speakers == ("adam", "ruth")
    assert [(clip.id, clip.text, clip.speaker) for clip in corpus.clips] == [
        ("clips/b.wav", "Hello.", 1),
        ("clips/a.wav", "Bye.", 0),
    ]


def test_a_manifest_may_say_how_a_text_is_spoken(tmp_path: Path) -> None:
    given = {"audio": "clips/a.wav", "text": "Dr. 你好", "phonemes": "d aa1 k t er0 | n iy1"}
    (clip,) = read("manifest", manifest(tmp_path, given)).clips
    assert clip.text == "Dr. 你好"
    assert [FRONT_END.symbols[number] for number in clip.symbols] == ["D", "AA1", "K", "T", "ER0", " ", "N", "IY1", "."]


@pytest.mark.parametrize(
    ("phonemes", "problem"),
    [
        pytest.param("HH XX OW1", "there is no phoneme 'XX'", id="unknown"),
        pytest.param("|", "'|' has nothing in it that can be spoken", id="none"),
        pytest.param(" ", "phonemes must be text that is not empty", id="empty"),
        pytest.param(None, "phonemes must be text that is not empty", id="null"),
        pytest.param(["HH"], "phonemes must be text that is not empty", id="list"),
        pytest.param("HH " * 200, "a.wav has 80 frames of sound for 201 symbols of text", id="too many"),
    ],
)
def test_a_pronunciation_that_is_wrong_is_named(tmp_path: Path, phonemes: Any, problem: str) -> None:
    folder = manifest(tmp_path, {"audio": "clips/a.wav", "text": "Hello.", "phonemes": phonemes})
    (found,) = problems("manifest", folder)
    assert found.startswith("manifest.jsonl line 1: ")
    assert problem in found


def test_the_digest_is_of_all_that_is_learned_from(tmp_path: Path) -> None:
    line = {"audio": "clips/a.wav", "text": "Hello."}
    first = read("manifest", manifest(tmp_path / "1", line)).sha256
    assert read("manifest", manifest(tmp_path / "2", line)).sha256 == first
    others = [
        manifest(tmp_path / "text", {**line, "text": "Hallo."}),
        manifest(tmp_path / "speaker", {**line, "speaker": "ruth"}),
        manifest(tmp_path / "name", {**line, "audio": "clips/b.wav"}),
        manifest(tmp_path / "phonemes", {**line, "phonemes": "HH AH0 L OW1"}),
        manifest(tmp_path / "sound", line),
    ]
    sound(tmp_path / "sound" / "clips" / "a.wav", hertz=301)
    assert len({first, *(read("manifest", other).sha256 for other in others)}) == 6


LONG_ID = "This is a text where the id should be. " * 10


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("", ["metadata.csv lists no clips"]),
        ("\n\n", ["metadata.csv lists no clips"]),
        ("a Hello.", ["metadata.csv line 1: 1 fields separated by |, expected 2 or 3: 'a Hello.'"]),
        ("a|b|c|d", ["metadata.csv line 1: 4 fields separated by |, expected 2 or 3: 'a|b|c|d'"]),
        ("a|Hello.\n\n|Hello.", ["metadata.csv line 3: the id is empty"]),
        ("a| ", ["metadata.csv line 1: the text of a is empty"]),
        ("a|Hello.|", ["metadata.csv line 1: the text of a is empty"]),
        ("a|Hello.\nb|Bye.\na|Again.", ["metadata.csv line 3: the id a is on line 1 already"]),
        (b"a|Hello.\nb|caf\xe9", ["metadata.csv line 2: not UTF-8: save the file as UTF-8"]),
        ("../a|Hello.", ["metadata.csv line 1: the id '../a' leads out of wavs/"]),
        ("/etc/passwd|Hello.", ["metadata.csv line 1: the id '/etc/passwd' leads out of wavs/"]),
        ("a|Hello.\nb\0|Bye.", ["metadata.csv line 2: a NUL byte: the file is not UTF-8"]),
        ("a|Hello.".encode("utf-16"), ["metadata.csv is UTF-16, as its first bytes say, and not UTF-8"]),
        ("\ufeffa|Hello.".encode("utf-16-be"), ["metadata.csv is UTF-16, as its first bytes say, and not UTF-8"]),
        ("a|Hello.".encode("utf-16-le"), ["metadata.csv line 1: a NUL byte: the file is not UTF-8"]),
        ("a|Hello.".encode("utf-32"), ["metadata.csv is UTF-32, as its first bytes say, and not UTF-8"]),
        ("d.wav|Hello.", ["metadata.csv line 1: wavs/d.wav: there is no such file"]),
        ("a.flac|Hello.", ["metadata.csv line 1: wavs/a.flac: there is no such file"]),
        ("d|Hello.", ["metadata.csv line 1: wavs/d.wav: there is no such file"]),
        (f"{LONG_ID}|a", [f"metadata.csv line 1: wavs/{LONG_ID.strip()}.wav: cannot be opened: File name too long"]),
        ("a|你好", ["metadata.csv line 1: '你好' cannot be spoken: this voice has no symbols for 你 好"]),
        ("a|…", ["metadata.csv line 1: '…' cannot be spoken: this voice has no symbols for …"]),
        (
            "a|Hello.\nbad\nb|\nc|Bye.\nd|Bye.",
            [
                "metadata.csv line 2: 1 fields separated by |, expected 2 or 3: 'bad'",
                "metadata.csv line 3: the text of b is empty",
                "metadata.csv line 5: wavs/d.wav: there is no such file",
            ],
        ),
    ],
)
def test_bad_ljspeech_folders(tmp_path: Path, metadata: str | bytes, expected: list[str]) -> None:
    assert problems("ljspeech", ljspeech(tmp_path, metadata)) == expected


def test_a_text_that_its_sound_cannot_hold(tmp_path: Path) -> None:
    words = "Many words are here, more than one second can hold. " * 4
    (problem,) = problems("ljspeech", ljspeech(tmp_path, f"a|Hello.\nb|{words}"))
    symbols = len(FRONT_END.encode(words))
    assert problem == (
        f"metadata.csv line 2: b has 80 frames of sound for {symbols} symbols of text: it cannot say all of it"
    )


GOOD = {"audio": "clips/a.wav", "text": "Hello."}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"audio": "clips/a.wav", "text"', "not JSON: Expecting ':' delimiter at column 32"),
        ("clips/a.wav|Hello.", "not JSON: Expecting value at column 1"),
        ('["clips/a.wav", "Hello."]', "not a JSON object"),
        ("null", "not a JSON object"),
        ({"text": "Hello."}, "audio must be text that is not empty"),
        ({"audio": "clips/b.wav"}, "text must be text that is not empty"),
        ({"audio": "clips/b.wav", "transcript": "Hello."}, "text must be text that is not empty"),
        ({"audio": "clips/b.wav", "text": 3}, "text must be text that is not empty"),
        ({"audio": "clips/b.wav", "text": "\t"}, "text must be text that is not empty"),
        ({"audio": "", "text": "Hello."}, "audio must be text that is not empty"),
        ({"audio": "clips/b.wav", "text": "Hi.", "speaker": ""}, "speaker must be a name of 1 to 64 characters"),
        ({"audio": "clips/b.wav", "text": "Hi.", "speaker": None}, "speaker must be a name of 1 to 64 characters"),
        ({"audio": "clips/b.wav", "text": "Hi.", "speaker": "x" * 65}, "speaker must be a name of 1 to 64 characters"),
        ({"audio": "clips/b.wav", "text": "Hi \ud83d"}, "half a surrogate pair is no character"),
        (GOOD, "clips/a.wav is on line 1 already"),
        ({**GOOD, "audio": "./clips//a.wav"}, "clips/a.wav is on line 1 already"),
        (
            {"audio": "clips/../../x.wav", "text": "Hi."},
            "audio 'clips/../../x.wav' leads out of the corpus; it is relative to its folder",
        ),
        (
            {"audio": "/data/x.wav", "text": "Hi."},
            "audio '/data/x.wav' leads out of the corpus; it is relative to its folder",
        ),
        (
            {"audio": "clips/b.wav\0", "text": "Hi."},
            "audio 'clips/b.wav\\x00' leads out of the corpus; it is relative to its folder",
        ),
        ({"audio": "clips/z.wav", "text": "Hi."}, "clips/z.wav: there is no such file"),
        ({"audio": "clips", "text": "Hi."}, "clips: cannot be opened: Is a directory"),
    ],
)
def test_bad_lines_of_a_manifest(tmp_path: Path, line: Any, expected: str) -> None:
    folder = manifest(tmp_path, GOOD, line)
    assert problems("manifest", folder) == [f"manifest.jsonl line 2: {expected}"]


def _cut_off(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _written(**changes: Any) -> Callable[[Path], None]:
    return lambda path: sound(path, **changes) and None


@pytest.mark.parametrize(
    ("name", "damage", "expected"),
    [
        ("missing", Path.unlink, "there is no such file"),
        ("empty", lambda path: path.write_bytes(b""), "the file is empty"),
        ("truncated", _cut_off, "the file is cut off: 16022 of 32044 bytes"),
        (
            "no sound",
            lambda path: path.write_bytes(b"no sound at all" * 99),
            "neither libsndfile nor FFmpeg can read it",
        ),
        ("silent", _written(amplitude=0), "it is silent"),
        ("too long", _written(seconds=31), "31.00 s of speech; a clip has 0.1 to 30 s"),
        ("too short", _written(seconds=0.05), "0.05 s of speech; a clip has 0.1 to 30 s"),
    ],
)
def test_bad_sound(tmp_path: Path, name: str, damage: Callable[[Path], object], expected: str) -> None:
    folder = ljspeech(tmp_path, "a|Hello.\nb|Bye.")
    damage(folder / "wavs" / "b.wav")
    (problem,) = problems("ljspeech", folder)
    assert problem.startswith(f"metadata.csv line 2: wavs/b.wav: {expected}"), name


@pytest.mark.parametrize(("format_name", "file"), [("ljspeech", "metadata.csv"), ("manifest", "manifest.jsonl")])
def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path, format_name: str, file: str) -> None:
    with pytest.raises(InvalidDataset) as raised:
        read(format_name, tmp_path / "nowhere")
    assert str(raised.value) == (
        f"{tmp_path}/nowhere: 1 problem: there is no such folder. Remedy: correct dataset.source's path"
    )
    with pytest.raises(InvalidDataset) as raised:
        read(format_name, tmp_path)
    assert str(raised.value) == (
        f"{tmp_path}: 1 problem: there is no {file}. "
        f"Remedy: put {file} there, or correct dataset.format and dataset.source's path"
    )
    (tmp_path / file).mkdir()
    assert problems(format_name, tmp_path) == [f"{file} cannot be read: Is a directory"]


def test_of_many_problems_the_message_shows_some_and_counts_the_rest(tmp_path: Path) -> None:
    folder = ljspeech(tmp_path, "\n".join(f"x{number}|{'word ' * 60}" for number in range(25)))
    (folder / "metadata.csv").write_text("bad line\n" * 25)
    with pytest.raises(InvalidDataset) as raised:
        read("ljspeech", folder)
    message = str(raised.value)
    assert message.startswith(f"{folder}: 25 problems: metadata.csv line 1: ")
    assert message.count("bad line") == 10
    assert message.endswith(
        "; and 15 more. Remedy: correct or remove these, or allow as many with dataset.maxInvalidClips"
    )


def test_the_remedy_has_room_behind_many_long_problems() -> None:
    refusal = InvalidDataset(Path("/data"), ["x" * 500] * 30, "mend them", listed_in="voice/report/problems.txt")
    message = str(refusal)
    assert len(message) < 1500
    assert message.startswith("/data: 30 problems (in full: voice/report/problems.txt): x")
    assert message.endswith("; and 24 more. Remedy: mend them")
    assert len(refusal.problems) == 30


def test_a_long_problem_is_cut(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset) as raised:
        read("ljspeech", ljspeech(tmp_path, f"{LONG_ID}|a"))
    assert len(str(raised.value)) < len(str(tmp_path)) + 300


def corpus_of(tmp_path: Path, clips: int) -> Corpus:
    lines = []
    for number in range(clips):
        sound(tmp_path / "wavs" / f"{number}.wav", 0.3)
        lines.append(f"{number}|Hi.")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    return read("ljspeech", tmp_path)


def test_a_split_depends_on_seed_and_names_alone(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, 40)
    train, held_out = split(corpus, 4, seed=1)
    assert len(held_out) == 4
    assert sorted(train + held_out) == list(range(40))
    assert split(corpus, 4, seed=1) == (train, held_out)
    assert split(corpus, 4, seed=2) != (train, held_out)
    backwards = Corpus(corpus.clips[::-1], corpus.speakers, corpus.sha256, corpus.seconds)
    assert {backwards.clips[clip].id for clip in split(backwards, 4, seed=1)[1]} == {
        corpus.clips[clip].id for clip in held_out
    }


@pytest.mark.parametrize(("clips", "asked", "held_out"), [(40, 0, 0), (40, 100, 4), (9, 5, 0), (1, 1, 0), (20, 1, 1)])
def test_at_most_a_tenth_is_held_out(tmp_path: Path, clips: int, asked: int, held_out: int) -> None:
    assert len(split(corpus_of(tmp_path, clips), asked, seed=1)[1]) == held_out
