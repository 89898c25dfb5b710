"""The report's page holds everything it shows, and shows what it was given and not what that would like to be."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import soundfile

from tests.unit.workloads import tiny_voice
from tts_api.report import Evaluation
from tts_api.voice import CARD_FILE
from tts_workloads import text
from tts_workloads.training.finish.report_page import page
from tts_workloads.training.telemetry import pictures

EVIL = "<script>alert('one')</script>"


class Seen(HTMLParser):
    """Tags and words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.words += data


def report(folder: Path, *, whole: bool) -> Path:
    """A report as a training leaves it, or with its card alone."""
    evaluation = Evaluation(clips=2, mel_cepstral_distortion=4.25, pitch_error_cents=120.5)
    card = tiny_voice.card(text.for_training("en-us"), name=EVIL, evaluation=evaluation if whole else None)
    (folder / "samples").mkdir(parents=True)
    (folder / CARD_FILE).write_text(card.model_dump_json(by_alias=True))
    if whole:
        for kind in ("spoken", "recorded"):
            soundfile.write(folder / f"samples/one-{kind}.wav", np.zeros(160), 16000)
        (folder / "loss.png").write_bytes(pictures.loss_picture([]))
        (folder / "corpus.json").write_text(json.dumps({"clips": 20, "speakers": {"bert": {"seconds": 3.5}}}))
    return folder


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    return parser


def test_everything_is_in_the_page(tmp_path: Path) -> None:
    html = page(report(tmp_path, whole=True), {"training": {"maxSteps": 7}}, {"one": EVIL})
    shown = seen(html)
    assert shown.tags.count("audio") == 2
    assert shown.tags.count("img") == 1
    assert "script" not in shown.tags
    assert all(source.startswith("data:") for source in shown.sources)
    assert not re.search(r"https?://", html)
    for words in (
        EVIL,
        "mel cepstral distortion",
        "4.25 dB",
        "120.5 cents",
        "training.maxSteps",
        "speakers.bert.seconds",
    ):
        assert words in shown.words


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    shown = seen(page(report(tmp_path, whole=False), {}, {}))
    assert "Quality" not in shown.words
    assert "Corpus" not in shown.words
    assert "Provenance" in shown.words
