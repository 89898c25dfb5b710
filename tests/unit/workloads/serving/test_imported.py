"""Voices of Kokoro and Piper, from tiny models in the real layouts: imported, loaded, and spoken through the server."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import onnxruntime
import openai
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_onnx, tiny_voice
from tests.unit.workloads.live_server import live
from tts_api.resources.service import Limits
from tts_api.voice import ImportedCard, ImportEngine
from tts_workloads import voice_file
from tts_workloads.exits import BadInput
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.http.speech_request import member
from tts_workloads.serving.importing import archive as archives
from tts_workloads.serving.importing import sources
from tts_workloads.serving.importing.durations import samples_of_a_frame
from tts_workloads.serving.importing.kokoro import import_kokoro
from tts_workloads.serving.importing.piper import import_piper
from tts_workloads.serving.importing.sources import beside, read_packs_of, read_source
from tts_workloads.serving.synthesis.engines import ENGINES, load_voice
from tts_workloads.serving.synthesis.imported.kokoro import SAMPLE_RATE, SILENCE_AFTER_SECONDS, packed, parts, unpacked
from tts_workloads.serving.synthesis.imported.onnx_voice import edges_of
from tts_workloads.serving.synthesis.imported.session import OnnxModel
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.serving.synthesis.served_voice import ServedVoice, SynthesisSpeed
from tts_workloads.voice_file import TORCHSCRIPT, open_imported, open_voice

CPU = torch.device("cpu")
ROUTE = "/v1/audio/speech"
TEXT = "Good morning. It costs $2 now."
CARD = "extra/voice.json"


def kokoro_voice(folder: Path, model: Path | None = None) -> Path:
    model = model or tiny_onnx.kokoro(folder)
    packs, sources = read_packs_of(beside(model, "voices-v1.0.bin"))
    output = folder / "kokoro.voice"
    import_kokoro(output, "kokoro", read_source(model), read_source(beside(model, "config.json")), packs, sources)
    return output


def piper_voice(folder: Path, model: Path | None = None) -> Path:
    model = model or tiny_onnx.piper(folder)
    output = folder / "tiny.voice"
    import_piper(output, "tiny", read_source(model), read_source(beside(model, f"{model.name}.json")), licence="CC0")
    return output


@pytest.fixture(scope="module", autouse=True)
def one_front_end() -> Iterator[None]:
    with tiny_onnx.one_front_end():
        yield


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServedVoice]:
    made = {"kokoro": kokoro_voice, "piper": piper_voice}
    return {name: load_voice(make(tmp_path_factory.mktemp(name)), None, CPU) for name, make in made.items()}


@pytest.fixture(params=["kokoro", "piper"])
def voice(request: pytest.FixtureRequest, voices: dict[str, ServedVoice]) -> ServedVoice:
    return voices[request.param]


@contextmanager
def client_of(voice: ServedVoice) -> Iterator[TestClient]:
    service = Service("tiny", Limits())
    service.start(voice, SynthesisSpeed(0.01, 0.01, 0.001))
    with TestClient(make_app(service)) as client:
        yield client
    assert service.engine is not None
    service.engine.close()


def sound_of(client: TestClient, **changes: Any) -> np.ndarray[Any, Any]:
    answer = client.post(ROUTE, json={"input": TEXT, "response_format": "wav"} | changes)
    assert answer.status_code == 200, answer.text
    return soundfile.read(io.BytesIO(answer.content))[0]


def test_every_engine_that_a_card_may_name_is_there() -> None:
    assert set(ENGINES) == {TORCHSCRIPT, *get_args(ImportEngine)}


def test_the_card_says_what_the_voice_is_and_can(voices: dict[str, ServedVoice]) -> None:
    kokoro, piper = voices["kokoro"].card, voices["piper"].card
    assert isinstance(kokoro, ImportedCard)
    assert isinstance(piper, ImportedCard)
    assert (kokoro.engine, piper.engine) == ("kokoro", "piper")
    assert kokoro.speakers == ("af_heart", "af_bella", "bm_fable")
    assert piper.speakers == ("ann", "bob")
    assert set(kokoro.supports) == {"speed", "durations", "speaker_vector"}
    assert set(piper.supports) == {"speed", "durations"}
    assert (kokoro.audio.sample_rate, kokoro.audio.hop_length) == (24000, 600)
    assert (piper.audio.sample_rate, piper.audio.hop_length) == (16000, 256)
    assert sorted(kokoro.origin.files) == ["config.json", "tiny-kokoro.onnx", "voices-v1.0.bin"]
    assert sorted(piper.origin.files) == ["en_US-tiny-low.onnx", "en_US-tiny-low.onnx.json"]
    assert (kokoro.origin.licence, piper.origin.licence) == (None, "CC0")


@pytest.mark.parametrize("make", [kokoro_voice, piper_voice])
def test_the_same_files_make_the_same_voice(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    assert make(one).read_bytes() == make(other).read_bytes()
    assert not [path for path in one.iterdir() if path.name.startswith(".")]


def test_no_training_starts_from_an_imported_voice(tmp_path: Path) -> None:
    path = piper_voice(tmp_path)
    assert open_imported(path).card.name == "tiny"
    with pytest.raises(BadInput, match="imported for piper, and has no models that training could start from"):
        open_voice(path)


def test_the_server_knows_its_speakers_and_its_speed(voice: ServedVoice) -> None:
    with client_of(voice) as client:
        told = client.get("/v1/audio/voices").json()
        usual, fast = sound_of(client), sound_of(client, speed=1.5)
    assert told["voices"] == ["default", *voice.card.speakers]
    assert told["sample_rate"] == voice.card.audio.sample_rate
    assert len(fast) < 0.8 * len(usual)


def test_every_phoneme_sounds_when_it_is_said_to(voice: ServedVoice) -> None:
    """Each is a tone of its own, whose pitch tells which one it is."""
    with client_of(voice) as client:
        body = {"input": TEXT, "response_format": "wav", "stream_format": "json"}
        answer = client.post(ROUTE, json=body | {"timestamp_granularities": ["word", "phoneme"]}).json()
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(answer["audio"])))
    assert [one["word"] for one in answer["words"]] == ["Good", "morning.", "It", "costs", "$2", "now."]
    assert answer["words"][-1]["end"] <= len(sound) / rate
    notation = "misaki" if voice.card.engine == "kokoro" else "espeak"  # type: ignore[attr-defined]
    heard = 0
    for one in answer["phonemes"]:
        (written,) = voice.front_end.in_notation([voice.front_end.symbols.index(one["phoneme"])], notation)
        symbols = [symbol for symbol in written if symbol not in tiny_onnx.SILENT]
        if len(symbols) != 1 or one["phoneme"] in {"T", "AH0", "IH0"}:
            continue  # flapped or reduced by what is beside it
        begin, end = (round(one[edge] * rate) for edge in ("start", "end"))
        spectrum = np.abs(np.fft.rfft(sound[begin:end], 1 << 16))
        step = 2 * np.pi * float(np.argmax(spectrum)) / (1 << 16)
        number = round((step * 24000 / (2 * np.pi) - 200) / 40)
        assert number == tiny_onnx.NUMBERS[symbols[0]], one
        heard += 1
    assert heard > 8


def test_pauses_volumes_and_pieces_are_those_of_any_voice(voice: ServedVoice) -> None:
    with client_of(voice) as client:
        plain = sound_of(client, input="Hello. Hello.")
        paused = sound_of(client, input="Hello.[pause:1s]Hello.")
        quiet = sound_of(client, input='<speak><prosody volume="-20dB">Hello. Hello.</prosody></speak>')
        pitched = client.post(ROUTE, json={"input": '<speak><prosody pitch="high">Hello.</prosody></speak>'})
    assert len(paused) - len(plain) == voice.card.audio.sample_rate
    assert np.abs(quiet).max() == pytest.approx(np.abs(plain).max() / 10, rel=0.02)
    assert pitched.status_code == 400
    assert "cannot change its pitch" in pitched.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("default", 0.5),
        ("af_bella", 1.0),
        ("af_heart+af_bella", 0.75),
        ("af_heart(2)+bm_fable(1)", (2 * 0.5 + 1.5) / 3),
        (" af_heart (0.5) + bm_fable ( 0.5 ) ", 1.0),
        ("af_bella(3)", 1.0),
        ("af_heart+af_heart+af_bella", 2 / 3),
        ("default(1)+bm_fable(3)", 1.25),
    ],
)
def test_packs_are_mixed_by_weight(voices: dict[str, ServedVoice], name: str, level: float) -> None:
    with client_of(voices["kokoro"]) as client:
        heard = np.abs(sound_of(client, voice=name)).max()
    assert heard == pytest.approx(0.4 * level, rel=0.01)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("af_sky", "the voice 'af_sky' does not exist; there are default, af_heart, af_bella, bm_fable"),
        ("af_heart+af_sky", "the voice 'af_sky' does not exist"),
        ("af_heart(2", "is no mixture: write names with their weights, as in af_heart(2)+af_bella(1)"),
        ("af_heart(-1)+af_bella", "is no mixture"),
        ("af_heart(1e9)", "is no mixture"),
        ("+", "is no mixture"),
        ("af_heart(0)+af_bella(0)", "are all 0"),
    ],
)
def test_a_mixture_that_is_none_is_refused(voices: dict[str, ServedVoice], name: str, words: str) -> None:
    with client_of(voices["kokoro"]) as client:
        answer = client.post(ROUTE, json={"input": TEXT, "voice": name})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "voice"


MANY_SPACES = " " * 50_000


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("af_heart", ("af_heart", 1.0)),
        ("  two words ( 0.5 ) ", ("two words", 0.5)),
        (f"{MANY_SPACES}a{MANY_SPACES}({MANY_SPACES}2{MANY_SPACES}){MANY_SPACES}", ("a", 2.0)),
        (f"{MANY_SPACES}a{MANY_SPACES}(", None),
        (f"a(2{MANY_SPACES}b", None),
        ("a(2)b", None),
        ("a()", None),
        ("a)", None),
        ("(2)", None),
        ("", None),
    ],
    ids=lambda value: value.replace(MANY_SPACES, "_" * 9) if isinstance(value, str) else "",
)
def test_a_mixtures_member_is_read_however_it_is_written(part: str, expected: tuple[str, float] | None) -> None:
    assert member(part) == expected


@pytest.mark.parametrize("name", ["a(" + MANY_SPACES, {"id": "a(" + MANY_SPACES}], ids=["a name", "an object"])
def test_a_voice_of_endless_name_is_refused(voices: dict[str, ServedVoice], name: str | dict[str, str]) -> None:
    with client_of(voices["kokoro"]) as client:
        answer = client.post(ROUTE, json={"input": TEXT, "voice": name})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "voice"
    assert "voice has 50002 characters; at most 2000 are allowed" in answer.json()["error"]["message"]


def test_speakers_of_piper_are_chosen_and_not_mixed(voices: dict[str, ServedVoice]) -> None:
    with client_of(voices["piper"]) as client:
        ann, bob = (np.abs(sound_of(client, voice=name)).max() for name in ("ann", "bob"))
        mixed = client.post(ROUTE, json={"input": TEXT, "voice": "ann+bob"})
    assert bob == pytest.approx(2 * ann, rel=0.01)
    assert (mixed.status_code, mixed.json()["error"]["code"]) == (400, "voice_not_found")
    assert "this voice takes no mixtures; there are default, ann, bob" in mixed.json()["error"]["message"]


def test_a_trained_voice_mixes_its_speakers_too(tmp_path: Path) -> None:
    voice = load_voice(tiny_voice.write(tmp_path / "voice.pt", supports=("speed", "speaker_vector")), None, CPU)
    symbols = voice.front_end.encode("Hello.")
    asked = [Sentence(symbols, speaker) for speaker in (0, 1, ((0, 1.0),), ((0, 0.25), (1, 0.75)))]
    first, second, alone, mixed = voice._speaker_vectors(asked)  # type: ignore[attr-defined]
    torch.testing.assert_close(alone, first)
    torch.testing.assert_close(mixed, 0.25 * first + 0.75 * second)


def test_sentences_in_one_batch_sound_as_alone(voice: ServedVoice) -> None:
    texts = ["Hello.", "Good morning to all of you.", "It costs two dollars now, does it?"]
    sentences = [Sentence(voice.front_end.encode(text), speaker=place % 2) for place, text in enumerate(texts)]
    together = voice.vocode(voice.predict_mel(sentences), [None] * len(texts))
    for sentence, sound in zip(sentences, together, strict=True):
        (alone,) = voice.vocode(voice.predict_mel([sentence]), [None])
        np.testing.assert_allclose(sound, alone, atol=1e-3)


def test_what_is_longer_than_kokoro_can_speak_is_spoken_in_parts(
    voices: dict[str, ServedVoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = voices["kokoro"]
    words = "remarkable " * 100
    symbols = voice.front_end.encode(words)
    model, spoken_tokens = voice.model, list[int]()  # type: ignore[attr-defined]

    def run(inputs: dict[str, np.ndarray[Any, Any]]) -> Any:
        spoken_tokens.append(inputs["tokens"].size)
        return OnnxModel.run(model, inputs)

    monkeypatch.setattr(model, "run", run)
    (spoken,) = voice.predict_mel([Sentence(symbols, words=voice.front_end.word_places(words))])
    (sound,) = voice.vocode([spoken], [None])
    assert len(spoken_tokens) > 1
    assert max(spoken_tokens) <= 512
    assert len(spoken.durations) == len(symbols)
    assert 600 * sum(spoken.durations) <= len(sound)
    assert len(sound) / SAMPLE_RATE > 0.025 * tiny_onnx.FRAMES * 510


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ([[1], [2]], [[[1], [2]]]),
        ([[1], [9], [2], [3]], [[[1], [9]], [[2], [3]]]),
        ([[1], [2], [3], [4]], [[[1], [2], [3]], [[4]]]),
        ([[1, 1], [2, 2], [9], [3]], [[[1, 1]], [[2, 2], [9]], [[3]]]),
        ([[9], [1], [2], [3, 3]], [[[9]], [[1], [2]], [[3, 3]]]),
        ([], [[]]),
    ],
    ids=["short", "between words", "within a word", "symbols of two tokens", "a rest that is full", "nothing"],
)
def test_where_a_long_sentence_is_cut(symbols: list[list[int]], expected: list[list[list[int]]]) -> None:
    assert parts(symbols, 9, most=3) == expected


def test_silence_at_the_ends_of_kokoros_sentences_is_cut(voices: dict[str, ServedVoice]) -> None:
    voice = voices["kokoro"]
    (sound,) = voice.vocode(voice.predict_mel([Sentence(voice.front_end.encode("Hello."))]), [None])
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    assert loud[0] <= 0.051 * SAMPLE_RATE
    assert len(sound) - loud[-1] <= SILENCE_AFTER_SECONDS * SAMPLE_RATE


def without_durations(source: str) -> str:
    """A model whose durations cannot be told from other tensors."""
    return source.removesuffix("}\n") + "  a = Ceil (one)\n  b = Round (zero)\n  c = Clip (b, one)\n}\n"


@pytest.mark.parametrize("engine", ["kokoro", "piper"])
def test_a_model_that_does_not_tell_its_durations_has_no_timestamps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    for name in ("KOKORO", "PIPER"):
        monkeypatch.setattr(tiny_onnx, name, without_durations(getattr(tiny_onnx, name)))
    make = kokoro_voice if engine == "kokoro" else piper_voice
    voice = load_voice(make(tmp_path), None, CPU)
    assert "durations" not in voice.card.supports
    with client_of(voice) as client:
        assert len(sound_of(client))
        body = {"input": TEXT, "stream_format": "json", "timestamp_granularities": ["word"]}
        refused = client.post(ROUTE, json=body)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "timestamp_granularities"
    together = voice.predict_mel([Sentence(voice.front_end.encode(text)) for text in ("Hello.", "Good morning.")])
    assert len(together[0].samples) < len(together[1].samples)


class Told:
    """A model that gives these durations with 12 samples of sound."""

    def __init__(self, durations: list[float] | None) -> None:
        self._durations = None if durations is None else np.array([durations])

    def run(self, inputs: Any) -> Any:
        return np.zeros((1, 12), np.float32), self._durations


@pytest.mark.parametrize(
    ("durations", "hop"),
    [
        ([1.0, 2.0], 4),
        ([1.0, 2.0, 0.0], None),
        ([2.0, 3.0], None),
        ([0.0, 0.0], None),
        ([float("nan"), 1.0], None),
        ([float("inf"), 1.0], None),
        (None, None),
    ],
    ids=["they fit", "too many", "no whole hop", "none", "not a number", "infinite", "not told"],
)
def test_durations_are_used_only_where_they_fit_the_sound(durations: list[float] | None, hop: int | None) -> None:
    assert samples_of_a_frame(Told(durations), {}, 2) == hop  # type: ignore[arg-type]


def test_durations_that_no_card_can_tell_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_onnx, "PIPER", tiny_onnx.PIPER.replace("256.0", "2048.0"))
    assert set(open_imported(piper_voice(tmp_path)).card.supports) == {"speed"}


def test_durations_may_have_their_name_inside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_onnx, "KOKORO", tiny_onnx.KOKORO.replace("frames", "durations"))
    assert "durations" in open_imported(kokoro_voice(tmp_path)).card.supports


@pytest.mark.parametrize("make", [kokoro_voice, piper_voice])
def test_durations_that_the_card_does_not_name_are_not_used(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = _changed(make(tmp_path), CARD, lambda card: card.replace(b'"durations"', b'"energy"'))
    voice = load_voice(path, None, CPU)
    assert voice.model.has_durations  # type: ignore[attr-defined]
    words = voice.front_end.word_places("Hello.")
    made = voice.predict_mel(
        [Sentence(voice.front_end.encode(text), words=words) for text in ("Hello.", "Good morning.")]
    )
    assert [len(one.durations) for one in made] == [0, 0]
    assert len(made[0].samples) < len(made[1].samples)


def test_a_model_that_gives_too_few_durations_is_refused() -> None:
    with pytest.raises(BadInput, match="gave 3 durations for 5 symbols: import the voice again"):
        edges_of(np.ones(3), 1, [2, 2], 256)


def test_two_imports_of_one_voice_at_a_time_do_not_harm_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = piper_voice(tmp_path)
    card, output, written = open_imported(path).card, tmp_path / "o.voice", path.read_bytes()
    seen = []

    def load(staged: Path) -> ServedVoice:
        seen.append(staged)
        if len(seen) == 1:
            monkeypatch.setattr(archives.os, "getpid", lambda: 7)
            archives.write_tried(output, "m.onnx", card, {}, {}, load)
        return voice

    voice = load_voice(path, None, CPU)
    monkeypatch.setattr(archives, "write_imported", lambda staged, *rest: staged.write_bytes(written))
    archives.write_tried(output, "m.onnx", card, {}, {}, load)
    assert len(set(seen)) == 2
    assert output.read_bytes() == written


def test_a_pack_may_have_any_name() -> None:
    pack = np.arange(512, dtype=np.float32).reshape(2, 256)
    np.testing.assert_array_equal(unpacked(packed({"file": pack}))["file"], pack)


def no_model(folder: Path) -> None:
    kokoro_voice(folder, _broken(tiny_onnx.kokoro(folder)))


def _broken(path: Path) -> Path:
    path.write_bytes(b"no model" * 100)
    return path


def other_layout(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    model.write_bytes(tiny_onnx.piper(folder).read_bytes())
    kokoro_voice(folder, model)


def kokoro_as_piper(folder: Path) -> None:
    model = tiny_onnx.piper(folder)
    model.write_bytes(tiny_onnx.kokoro(folder).read_bytes())
    piper_voice(folder, model)


def no_packs(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    (folder / "voices-v1.0.bin").unlink()
    kokoro_voice(folder, model)


def broken_packs(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    (folder / "voices-v1.0.bin").write_bytes(b"no packs")
    kokoro_voice(folder, model)


def packs_of_another_shape(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, af_heart=np.zeros((510, 1, 100), np.float32))
    kokoro_voice(folder, model)


def one_array_as_packs(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.save(file, np.zeros((510, 1, 256), np.float32))
    kokoro_voice(folder, model)


def half_of_the_packs(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    packs = folder / "voices-v1.0.bin"
    packs.write_bytes(packs.read_bytes()[:-5000])
    kokoro_voice(folder, model)


def no_tensor(folder: Path) -> None:
    torch.save({"pack": Path()}, folder / "af_heart.pt")
    read_packs_of(folder)


def another_voices_numbers(folder: Path) -> None:
    numbers = {symbol: [1000 + number] for symbol, number in tiny_onnx.NUMBERS.items()}
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_id_map=numbers))


def another_tokenizer(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    numbers = {symbol: 1000 + number for symbol, number in tiny_onnx.NUMBERS.items()}
    (folder / "config.json").write_text(json.dumps({"vocab": numbers}))
    kokoro_voice(folder, model)


def numbers_that_are_none(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    (folder / "config.json").write_text(json.dumps({"vocab": {**tiny_onnx.NUMBERS, "a": 10**30}}))
    kokoro_voice(folder, model)


def without_sound(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    whole = onnx.load(model)
    whole.graph.node.append(onnx.helper.make_node("Identity", ["audio"], ["durations"]))
    whole.graph.output[0].name = "durations"
    onnx.save(whole, model)
    kokoro_voice(folder, model)


def in_the_runtimes_own_format(folder: Path) -> None:
    model = tiny_onnx.piper(folder)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "own.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (folder / "own.ort").replace(model)
    piper_voice(folder, model)


def without_sample_rate(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, audio={"sample_rate": 0}))


def of_a_high_sample_rate(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, audio={"sample_rate": 96000}))


def of_infinite_sample_rate(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, audio={"sample_rate": float("inf")}))


def _numbered(**changes: list[int]) -> dict[str, list[int]]:
    numbers = {symbol: [number] for symbol, number in tiny_onnx.NUMBERS.items()}
    return numbers | {{"start": "^", "padding": "_", "a": "a"}[name]: found for name, found in changes.items()}


def without_a_start(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_id_map=_numbered(start=[])))


def without_padding(folder: Path) -> None:
    numbers = {name: found for name, found in _numbered().items() if name != "_"}
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_id_map=numbers))


def of_a_number_below_0(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_id_map=_numbered(a=[-5])))


def without_length(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, inference={"length_scale": float("nan")}))


def empty_folder_of_packs(folder: Path) -> None:
    (folder / "voices").mkdir()
    read_packs_of(folder / "voices")


def no_vocabulary(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    (folder / "config.json").write_text("{}")
    kokoro_voice(folder, model)


def another_vocabulary(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    (folder / "config.json").write_text(json.dumps({"vocab": {"a": 1}}))
    kokoro_voice(folder, model)


def german(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, espeak={"voice": "de"}))


def of_text(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_type="text"))


def no_numbers(folder: Path) -> None:
    piper_voice(folder, tiny_onnx.piper(folder, phoneme_id_map=None))


def no_json(folder: Path) -> None:
    model = tiny_onnx.piper(folder)
    model.with_name(f"{model.name}.json").write_text("[")
    piper_voice(folder, model)


def mute(folder: Path) -> None:
    model = tiny_onnx.kokoro(folder)
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, af_heart=np.zeros((510, 1, 256), np.float32))
    kokoro_voice(folder, model)


def bare_model(folder: Path) -> None:
    load_voice(tiny_onnx.piper(folder), None, CPU)


def without_its_model(folder: Path) -> None:
    load_voice(_rewritten(piper_voice(folder), "model.onnx"), None, CPU)


def without_its_packs(folder: Path) -> None:
    load_voice(_rewritten(kokoro_voice(folder), "packs.npz"), None, CPU)


def _rewritten(path: Path, left_out: str, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != f"voice/{left_out}"}
    return _archive(path, files, compression)


def _changed(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return _archive(path, files | {f"voice/{name}": change(files[f"voice/{name}"])})


def _archive(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def with_one_array_as_its_packs(folder: Path) -> None:
    array = io.BytesIO()
    np.save(array, np.zeros(256))
    load_voice(_changed(kokoro_voice(folder), "packs.npz", lambda packs: array.getvalue()), None, CPU)


def with_another_voices_json(folder: Path) -> None:
    def change(config: bytes) -> bytes:
        told = json.loads(config)
        return json.dumps(told | {"phoneme_id_map": {name: [1000] for name in told["phoneme_id_map"]}}).encode()

    load_voice(_changed(piper_voice(folder), "config.json", change), None, CPU).warm_up()


def compressed(folder: Path) -> None:
    load_voice(_rewritten(piper_voice(folder), "", zipfile.ZIP_DEFLATED), None, CPU)


def damaged(folder: Path) -> None:
    path = piper_voice(folder)
    path.write_bytes(path.read_bytes().replace(b"phoneme_id_map", b"phoneme_id_mad"))
    load_voice(path, None, CPU)


def encrypted(folder: Path) -> None:
    path = piper_voice(folder)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"PK\x01\x02")
    while at >= 0:
        whole[at + 8] |= 1
        at = whole.find(b"PK\x01\x02", at + 4)
    path.write_bytes(whole)
    load_voice(path, None, CPU)


def of_a_later_engine(folder: Path) -> Path:
    path = _changed(piper_voice(folder), CARD, lambda card: card.replace(b'"piper"', b'"matcha"'))
    load_voice(path, None, CPU)
    return path


def of_a_later_engine_and_another_digest(folder: Path) -> None:
    with pytest.raises(BadInput):
        of_a_later_engine(folder)
    load_voice(folder / "tiny.voice", "f" * 64, CPU)


def another_digest(folder: Path) -> None:
    load_voice(piper_voice(folder), "f" * 64, CPU)


@pytest.mark.parametrize(
    ("make", "reason", "words"),
    [
        (no_model, "UnsupportedVoice", "tiny-kokoro.onnx: ONNX Runtime"),
        (other_layout, "UnsupportedVoice", "a model of Kokoro has tokens (or input_ids), style and speed"),
        (kokoro_as_piper, "UnsupportedVoice", "a Piper voice has input, input_lengths, scales, sid"),
        (no_packs, "ModelMissing", "there is no voices-v1.0.bin beside"),
        (broken_packs, "UnsupportedVoice", "voices-v1.0.bin is no archive of voice packs"),
        (packs_of_another_shape, "UnsupportedVoice", "a pack has 256 numbers for each length"),
        (one_array_as_packs, "UnsupportedVoice", "voices-v1.0.bin is no archive of voice packs (it is one array)"),
        (half_of_the_packs, "UnsupportedVoice", "voices-v1.0.bin is no archive of voice packs"),
        (
            no_tensor,
            "UnsupportedVoice",
            "is no voice pack of Kokoro (it is no tensor of PyTorch): give a pack of Kokoro",
        ),
        (another_voices_numbers, "UnsupportedVoice", "give the JSON that came with the model"),
        (another_tokenizer, "UnsupportedVoice", "give the JSON that came with the model"),
        (numbers_that_are_none, "UnsupportedVoice", "its JSON has no vocab"),
        (without_sound, "UnsupportedVoice", "it has the outputs durations, and none of them is sound"),
        (in_the_runtimes_own_format, "UnsupportedVoice", "it is no file of ONNX"),
        (without_sample_rate, "UnsupportedVoice", "audio.sample_rate 0, and a voice has 8000 to 48000"),
        (of_a_high_sample_rate, "UnsupportedVoice", "audio.sample_rate 96000"),
        (of_infinite_sample_rate, "UnsupportedVoice", "its JSON is not that of a Piper voice"),
        (without_a_start, "UnsupportedVoice", "its JSON has phoneme_id_map without a number for ^"),
        (without_padding, "UnsupportedVoice", "its JSON has phoneme_id_map without a number for _"),
        (of_a_number_below_0, "UnsupportedVoice", "with the number -5: give the .onnx.json that came with the model"),
        (without_length, "UnsupportedVoice", "its JSON has inference with the scales 0.667, nan, 0.8"),
        (empty_folder_of_packs, "UnsupportedVoice", "has no voice packs"),
        (no_vocabulary, "UnsupportedVoice", "has no vocab"),
        (another_vocabulary, "UnsupportedVoice", "has no numbers for"),
        (german, "UnsupportedVoice", "it speaks de, and there is no front end"),
        (of_text, "UnsupportedVoice", "its phoneme_type is text"),
        (no_numbers, "UnsupportedVoice", "its JSON is not that of a Piper voice"),
        (no_json, "UnsupportedVoice", "the model's JSON cannot be read"),
        (mute, "UnsupportedVoice", "tiny-kokoro.onnx does not speak: the voice makes no sound"),
        (bare_model, "UnsupportedVoice", "make a voice of it with tts import"),
        (without_its_model, "UnsupportedVoice", "lacks its model.onnx: import the voice again"),
        (without_its_packs, "UnsupportedVoice", "it has no voice packs that can be read"),
        (
            of_a_later_engine,
            "UnsupportedVoice",
            "is a voice for matcha, and this image knows torchscript, kokoro, piper",
        ),
        (with_one_array_as_its_packs, "UnsupportedVoice", "it has no voice packs that can be read (it is one array)"),
        (with_another_voices_json, "UnsupportedVoice", "ONNX Runtime cannot run it"),
        (compressed, "UnsupportedVoice", "is compressed: restore it, or name a voice"),
        (damaged, "UnsupportedVoice", "restore it, or name a voice"),
        (encrypted, "UnsupportedVoice", "restore it, or name a voice"),
        (another_digest, "DigestMismatch", "promised was fff"),
        (of_a_later_engine_and_another_digest, "DigestMismatch", "promised was fff"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_no_voice_is_told_in_one_message(
    tmp_path: Path, make: Callable[[Path], None], reason: str, words: str
) -> None:
    with pytest.raises(BadInput) as raised:
        make(tmp_path)
    assert raised.value.reason == reason
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("limit", ["LARGEST_EXTRAS_BYTES", "LARGEST_PARTS_BYTES"])
def test_a_voice_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    path = piper_voice(tmp_path)
    monkeypatch.setattr(voice_file, limit, 1000)
    with pytest.raises(BadInput, match="its files have more than 1000 bytes"):
        open_imported(path)


def test_a_model_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGEST_BYTES", 1000)
    with pytest.raises(BadInput, match="and at most 1000 are read: name the file of a model"):
        read_source(tiny_onnx.piper(tmp_path))


def test_a_server_without_onnx_runtime_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = piper_voice(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match=r"which is not installed: pip install 'tts-operator\[onnx\]'") as raised:
        load_voice(path, None, CPU)
    assert raised.value.reason == "UnsupportedVoice"


def test_a_server_without_the_extra_starts() -> None:
    """The usual image has none of these packages."""
    program = """
import sys
sys.modules.update(dict.fromkeys(("onnxruntime", "onnx", "google.protobuf", "flatbuffers")))
import pkgutil, importlib, tts_workloads.serving as serving
names = [one.name for one in pkgutil.walk_packages(serving.__path__, f"{serving.__name__}.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_newer_exports_are_read_too(tmp_path: Path) -> None:
    """Their tokens have another name, only whole speeds are taken, and config.json is inside."""
    model = tiny_onnx.kokoro(tmp_path)
    whole = onnx.load(model)
    for node in whole.graph.node:
        names = ["input_ids" if name == "tokens" else name for name in node.input]
        node.input[:] = ["real_speed" if name == "speed" else name for name in names]
    whole.graph.input[0].name = "input_ids"
    whole.graph.input[2].type.tensor_type.elem_type = onnx.TensorProto.INT32
    whole.graph.node.insert(0, onnx.helper.make_node("Cast", ["speed"], ["real_speed"], to=onnx.TensorProto.FLOAT))
    onnx.helper.set_model_props(whole, {"kokoro_config": (tmp_path / "config.json").read_text()})
    onnx.save(whole, model)
    packs, sources = read_packs_of(tmp_path / "voices-v1.0.bin")
    import_kokoro(tmp_path / "k.voice", "k", read_source(model), None, packs, sources)
    voice = load_voice(tmp_path / "k.voice", None, CPU)
    assert set(voice.card.supports) == {"durations", "speaker_vector"}
    with client_of(voice) as client:
        usual, fast = (len(sound_of(client, speed=speed)) for speed in (1.0, 1.5))
    assert fast == pytest.approx(usual / 1.5, abs=10)


def test_a_model_without_its_numbers_is_refused(tmp_path: Path) -> None:
    model = tiny_onnx.kokoro(tmp_path)
    packs, sources = read_packs_of(tmp_path / "voices-v1.0.bin")
    with pytest.raises(BadInput, match=r"has no config.json inside, and there is none and no tokenizer.json beside it"):
        import_kokoro(tmp_path / "k.voice", "k", read_source(model), None, packs, sources)


@pytest.mark.parametrize("suffix", [".npy", ".pt", ".bin"])
def test_packs_in_a_folder_are_read(tmp_path: Path, suffix: str) -> None:
    for name, value in (("bf_emma", 0.25), ("af_heart", 0.5)):
        pack = np.full((510, 1, 256), value, np.float32)
        if suffix == ".npy":
            np.save(tmp_path / f"{name}.npy", pack)
        elif suffix == ".pt":
            torch.save(torch.from_numpy(pack), tmp_path / f"{name}.pt")
        else:
            (tmp_path / f"{name}.bin").write_bytes(pack.tobytes())
    packs, sources = read_packs_of(tmp_path)
    assert list(packs) == ["af_heart", "bf_emma"]  # Kokoro's own default comes first
    assert packs["bf_emma"].shape == (510, 256)
    assert packs["bf_emma"][0, 0] == 0.25
    assert sorted(one.name for one in sources) == [f"af_heart{suffix}", f"bf_emma{suffix}"]


def test_openais_client_streams_from_it(voice: ServedVoice) -> None:
    with live(Service("tiny", Limits()), voice) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        with client.audio.speech.with_streaming_response.create(
            model="tiny", voice=voice.card.speakers[1], input=TEXT, response_format="pcm"
        ) as answer:
            pieces = list(answer.iter_bytes())
    assert sum(map(len, pieces)) > 24000
