"""A second language, added in this file alone: ten words in hiragana, written without spaces. A corpus in it is checked
and refused, a voice is trained on it and served, and nothing outside the file knows of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import pytest
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_corpus
from tts_api import choices
from tts_api.report import TerminationMessage
from tts_api.resources.service import Limits
from tts_api.run import RunDataset
from tts_workloads import text
from tts_workloads.data import InvalidDataset, check
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.text import FrontEnd, UnspeakableText, WordPlace
from tts_workloads.training.processes.launch import launch

SOUNDS = """
いち i ch i
に n i
さん s a N
よん y o N
ご g o
ろく r o k u
なな n a n a
はち h a ch i
きゅう ky u u
じゅう j u u
"""
WORDS = {word: tuple(sounds) for word, *sounds in map(str.split, SOUNDS.strip().splitlines())}
PAUSES = ("、", "。")
PHONEMES = ("N", "a", "ch", "e", "g", "h", "i", "j", "k", "ky", "n", "o", "r", "s", "u", "y", "z")
SENTENCES = ("いちにさん。", "よんご、ろく。", "なな、はちきゅう。", "じゅうぜろ。")
LEXICON = "ぜろ z e r o  # in no dictionary\n"


class Numbers(FrontEnd):
    """The numbers from one to ten and the marks between them."""

    name: ClassVar[str] = "toy"
    versions: ClassVar[Mapping[int, tuple[str, ...]]] = {1: ("_", *PAUSES, *PHONEMES)}
    alphabets: ClassVar[Sequence[str]] = ("x-toy",)
    warm_up_text: ClassVar[str] = "いちにさん。よんごろく。"
    longest_first_piece: ClassVar[int] = 4

    def __init__(self, words: Mapping[str, Sequence[str]] = WORDS) -> None:
        super().__init__(1)
        self._words = words
        longest_first = sorted([*words, *PAUSES], key=len, reverse=True)
        self._pieces = re.compile("|".join([*longest_first, r"\S"]))

    @classmethod
    def for_training(cls) -> Self:
        return cls()

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], version: int) -> Self:
        return cls(json.loads(files["words.json"]))

    def files(self) -> dict[str, bytes]:
        return {"words.json": json.dumps(self._words).encode()}

    def sentences(self, text: str) -> list[str]:
        return re.findall("[^。]+。?", text.strip())

    def clauses(self, sentence: str) -> list[str]:
        return re.findall("[^、]+、?", sentence)

    def encode(self, text: str) -> list[int]:
        return self._numbers([phoneme for _, phonemes in self._read(text) for phoneme in phonemes])

    def word_places(self, text: str) -> list[WordPlace]:
        places, at = [], 0
        for piece, phonemes in self._read(text):
            if piece not in PAUSES:
                places.append(WordPlace(piece, at, at + len(phonemes)))
            at += len(phonemes)
        return places

    def ordinal(self, digits: str) -> str:
        return digits

    def phoneme_set(self) -> frozenset[str]:
        return frozenset(PHONEMES)

    def named_phonemes(self) -> Sequence[str]:
        return PHONEMES

    def encode_pronunciation(self, written: str) -> list[int]:
        return self._numbers(self.read_phonemes(written))

    def is_word(self, written: str) -> bool:
        return re.fullmatch("[ぁ-ん]+", written) is not None

    def with_words(self, words: Mapping[str, Sequence[str]]) -> Self:
        return type(self)({**self._words, **words})

    def _read(self, text: str) -> list[tuple[str, Sequence[str]]]:
        pieces = self._pieces.findall(text)
        unknown = [piece for piece in pieces if piece not in self._words and piece not in PAUSES]
        if unknown or not pieces:
            raise UnspeakableText(text, "".join(dict.fromkeys(unknown)))
        return [(piece, self._words.get(piece, [piece])) for piece in pieces]

    def _numbers(self, symbols: Sequence[str]) -> list[int]:
        return [self.symbols.index(symbol) for symbol in symbols]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """The language where languages are listed: all that there is to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(text.FRONT_ENDS, Numbers.name, Numbers)
        patch.setitem(choices.LANGUAGES, Numbers.name, "ten words")
        yield


@pytest.fixture(scope="module")
def workspace(registered: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a corpus in this language, its lexicon, and a voice that was trained on it."""
    folder = tiny_corpus.write_workspace(
        tmp_path_factory.mktemp("toy"),
        SENTENCES,
        dataset__language=Numbers.name,
        model__vocoder={"architecture": "griffinlim", "parameters": {"iterations": 2}},
        training__vocoderMaxSteps=None,
    )
    (folder / "data/tones/lexicon.txt").write_text(LEXICON, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTS_TERMINATION_LOG", str(folder / "log"))
        assert launch(folder / "run.json", folder) == 0, (folder / "log").read_text()
    return folder


@pytest.fixture(scope="module")
def client(workspace: Path) -> Iterator[TestClient]:
    """The trained voice, warmed up and served."""
    said = TerminationMessage.model_validate_json((workspace / "log").read_text())
    assert said.result is not None
    artifact = said.result.artifact
    assert artifact.languages == (Numbers.name,)
    voice = LoadedVoice(workspace / "checkpoints" / artifact.path, artifact.sha256, torch.device("cpu"))
    service = Service("toy", Limits())
    service.start(voice, voice.warm_up())
    with TestClient(make_app(service)) as client:
        yield client
    assert service.engine is not None
    service.engine.close()


def checked(corpus: Path, form: str = "ljspeech") -> tuple[int, str, str]:
    """The exit code of the corpus check, the statistics and the refusal."""
    audio = {"sampleRate": tiny_corpus.SAMPLE_RATE}
    dataset = RunDataset.model_validate({"format": form, "language": Numbers.name, "audio": audio})
    try:
        return 0, check.statistics_of(corpus, dataset), ""
    except InvalidDataset as refusal:
        return 64, "", "\n".join([str(refusal), *refusal.problems])


def test_a_corpus_is_accepted(tmp_path: Path) -> None:
    corpus = tiny_corpus.write_corpus(tmp_path / "corpus", sentences=SENTENCES)
    (corpus / "lexicon.txt").write_text(LEXICON, encoding="utf-8")
    code, out, _ = checked(corpus)
    assert code == 0
    statistics = json.loads(out)
    assert (statistics["clips"], statistics["unseenSymbols"]) == (20, [])


@pytest.mark.parametrize(
    ("lexicon", "problems"),
    [
        pytest.param(
            "",
            ["metadata.csv line 4: 'じゅうぜろ。' cannot be spoken: this voice has no symbols for ぜ ろ"],
            id="a word that is unknown",
        ),
        pytest.param(
            "zero z e r o\nぜろ z x\nぜろ\n",
            [
                "lexicon.txt line 1: 'zero' is not one word of letters",
                "lexicon.txt line 2: 'ぜろ': there is no phoneme 'x'",
                "lexicon.txt line 3: 'ぜろ' has no phonemes",
                "the phonemes are N a ch e g h i j k ky n o r s u y z",
            ],
            id="a lexicon that is wrong",
        ),
    ],
)
def test_a_corpus_is_refused_in_the_languages_terms(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lexicon: str,
    problems: list[str],
) -> None:
    corpus = tiny_corpus.write_corpus(tmp_path / "corpus", clips=4, sentences=SENTENCES)
    (corpus / "lexicon.txt").write_text(lexicon, encoding="utf-8")
    code, _, err = checked(corpus)
    assert code == 64
    assert [problem for problem in problems if problem not in err] == []


@pytest.mark.parametrize(
    ("phonemes", "problem"),
    [
        pytest.param("s a N", None, id="known"),
        pytest.param("s a n3", "manifest.jsonl line 1: there is no phoneme 'n3'", id="unknown"),
    ],
)
def test_a_corpus_may_say_how_a_text_is_spoken(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    phonemes: str,
    problem: str | None,
) -> None:
    corpus = tiny_corpus.write_corpus(tmp_path / "corpus", clips=1, sentences=SENTENCES)
    line = {"audio": "wavs/clip00.wav", "text": "三", "phonemes": phonemes}
    (corpus / "manifest.jsonl").write_text(json.dumps(line))
    code, _, err = checked(corpus, "manifest")
    assert code == (64 if problem else 0)
    assert (problem or "") in err


def test_words_and_phonemes_are_told_as_they_are_spoken(client: TestClient) -> None:
    body = {
        "input": "<speak>よんぜろ<phoneme alphabet='x-toy' ph='z e N'>零</phoneme>さん。</speak>",
        "response_format": "wav",
        "stream_format": "json",
        "timestamp_granularities": ["word", "phoneme"],
    }
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.status_code == 200, answer.text
    assert [word["word"] for word in answer.json()["words"]] == ["よん", "ぜろ", "零", "さん"]
    assert "".join(one["phoneme"] for one in answer.json()["phonemes"]) == "yoNzerozeNsaN"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        pytest.param(
            "<speak><phoneme alphabet='x-arpabet' ph='s'>三</phoneme></speak>",
            "malformed_script",
            "<phoneme alphabet='x-arpabet'> is not supported; x-toy is",
            id="another alphabet",
        ),
        pytest.param(
            "<speak><phoneme ph='AA1'>三</phoneme></speak>",
            "malformed_script",
            "there is no phoneme 'AA1'; there are N a ch",
            id="another alphabet's phoneme",
        ),
        pytest.param("Hello.", "unspeakable_input", "this voice has no symbols for H e l o .", id="another language"),
    ],
)
def test_what_it_does_not_speak_is_refused(client: TestClient, text: str, code: str, message: str) -> None:
    answer = client.post("/v1/audio/speech", json={"input": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("いちにさん、よん。ご、ろく。", 3, id="longer than a first piece"),
        pytest.param("ご、に。いちにさん、よん。", 2, id="longer only in a later sentence"),
    ],
)
def test_a_first_sentence_is_cut_by_the_languages_measure(client: TestClient, text: str, sentences: int) -> None:
    body = {"input": text, "response_format": "pcm", "stream_format": "sse", "timestamp_granularities": ["word"]}
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.text.count("speech.audio.timestamps") == sentences
