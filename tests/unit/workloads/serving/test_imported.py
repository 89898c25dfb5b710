"""Voices of Kokoro and Piper, from tiny models in the real layouts: imported, loaded, and spoken through the server."""

from __future__ import annotations

import base64
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import openai
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_onnx, tiny_voice
from tests.unit.workloads.live_server import live
from tts_api.resources.service import Limits
from tts_api.voice import ImportedCard, ImportEngine
from tts_workloads.exits import BadInput
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.importing.kokoro import import_kokoro
from tts_workloads.serving.importing.piper import import_piper
from tts_workloads.serving.importing.sources import beside, read_packs_of, read_source
from tts_workloads.serving.synthesis.engines import ENGINES, load_voice
from tts_workloads.serving.synthesis.imported.kokoro import SAMPLE_RATE, SILENCE_AFTER_SECONDS, parts
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.serving.synthesis.served_voice import ServedVoice, SynthesisSpeed
from tts_workloads.voice_file import TORCHSCRIPT, open_imported, open_voice

CPU = torch.device("cpu")
ROUTE = "/v1/audio/speech"
TEXT = "Good morning. It costs $2 now."


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


def test_speakers_of_piper_are_chosen_and_not_mixed(voices: dict[str, ServedVoice]) -> None:
    with client_of(voices["piper"]) as client:
        ann, bob = (np.abs(sound_of(client, voice=name)).max() for name in ("ann", "bob"))
        mixed = client.post(ROUTE, json={"input": TEXT, "voice": "ann+bob"})
    assert bob == pytest.approx(2 * ann, rel=0.01)
    assert (mixed.status_code, mixed.json()["error"]["code"]) == (400, "voice_not_found")


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


def test_what_is_longer_than_kokoro_can_speak_is_spoken_in_parts(voices: dict[str, ServedVoice]) -> None:
    voice = voices["kokoro"]
    words = "remarkable " * 100
    symbols = voice.front_end.encode(words)
    (spoken,) = voice.predict_mel([Sentence(symbols, words=voice.front_end.word_places(words))])
    (sound,) = voice.vocode([spoken], [None])
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
        ([], [[]]),
    ],
    ids=["short", "between words", "within a word", "symbols of two tokens", "nothing"],
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


def _rewritten(path: Path, left_out: str) -> Path:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith(left_out)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def of_a_later_engine(folder: Path) -> None:
    path = piper_voice(folder)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["voice/extra/voice.json"] = files["voice/extra/voice.json"].replace(b'"piper"', b'"matcha"')
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    load_voice(path, None, CPU)


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
        (empty_folder_of_packs, "UnsupportedVoice", "has no voice packs"),
        (no_vocabulary, "UnsupportedVoice", "has no vocab"),
        (another_vocabulary, "UnsupportedVoice", "has no numbers for"),
        (german, "UnsupportedVoice", "it speaks de, and there is no front end"),
        (of_text, "UnsupportedVoice", "its phoneme_type is text"),
        (no_numbers, "UnsupportedVoice", "its JSON is not that of a Piper voice"),
        (no_json, "UnsupportedVoice", "the model's JSON cannot be read"),
        (mute, "UnsupportedVoice", "the voice makes no sound"),
        (bare_model, "UnsupportedVoice", "make a voice of it with tts import"),
        (without_its_model, "UnsupportedVoice", "lacks its model.onnx: import the voice again"),
        (without_its_packs, "UnsupportedVoice", "it has no voice packs that can be read"),
        (
            of_a_later_engine,
            "UnsupportedVoice",
            "is a voice for matcha, and this image knows torchscript, kokoro, piper",
        ),
        (another_digest, "DigestMismatch", "promised was fff"),
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


def test_a_server_without_onnx_runtime_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = piper_voice(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match=r"which is not installed: pip install 'tts-operator\[onnx\]'") as raised:
        load_voice(path, None, CPU)
    assert raised.value.reason == "UnsupportedVoice"


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
