"""The page that the demo leaves, in a real browser, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser

from demo import page
from demo.steps import Row
from tests.browser import browser
from tts_workloads.quality.recognise import Heard

HEARD = [
    Heard("everyday-00", "everyday sentences", "Fish & chips <now>.", "fish and ships", (2, 4)),
    Heard("everyday-01", "everyday sentences", "a" * 90, "", (1, 1)),
    Heard("digits-00", "digit strings", "four, zero.", "40", (0, 2)),
]
CARD = {
    "name": "<allison>",
    "languages": ["en-us"],
    "audio": {"sampleRate": 16000},
    "model": {"acoustic": {"architecture": "fastspeech2"}, "vocoder": {"architecture": "ddsp"}},
    "provenance": {"clips": 521, "seconds": 1182.0, "steps": 6200, "createdAt": "2026-11-28T10:00:00Z", "torch": "2.8"},
    "evaluation": {"clips": 16, "wordErrorRate": 0.0512, "realTimeFactor": 0.01641},
}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003"
    "860180344dd4900000000049454e44ae426082"
)

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo's folder whose name has to be quoted in an address, with its page."""
    folder = tmp_path_factory.mktemp("a demo's #1 output")
    for name in ("speech/greeting", *(f"speech/{one.name}" for one in HEARD), "report/samples/x-spoken"):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600, np.float32), 16000)
    (folder / "report/loss.png").write_bytes(PIXEL)
    (folder / "report/index.html").write_text("report")
    (folder / "report/voice.json").write_text(json.dumps(CARD))
    rows = [Row("Training <the> voice", 725.0)]
    facts = page.Facts(rows, 900, HEARD, "Hello <you>.", ["make speak"], {"x": "Held <out>."}, "Pods were left out.")
    page.write(folder, facts)
    return folder


@pytest.mark.parametrize("width", [320, 390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_screen(written: Path, chromium: Browser, width: int, scheme: str) -> None:
    opened = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text))
    opened.goto((written / page.PAGE).as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert errors == []
    opened.close()


def test_every_sample_plays_and_every_value_is_text(written: Path, chromium: Browser) -> None:
    opened = chromium.new_page()
    opened.goto((written / page.PAGE).as_uri())
    played = opened.evaluate(
        """async () => {
          const found = [];
          for (const audio of document.querySelectorAll("audio")) {
            const ready = new Promise(done => { audio.oncanplay = audio.onerror = done; });
            audio.preload = "auto";
            audio.load();
            await ready;
            found.push([audio.getAttribute("src"), audio.duration, audio.error === null]);
          }
          return found;
        }"""
    )
    assert sorted(played) == [
        [f"{name}.wav", 0.1, True]
        for name in (
            "report/samples/x-spoken",
            "speech/digits-00",
            "speech/everyday-00",
            "speech/everyday-01",
            "speech/greeting",
        )
    ]
    words = opened.inner_text("body")
    for shown in (
        "<allison>",
        "Hello <you>.",
        "Fish & chips <now>.",
        "heard: fish and ships",
        "2 of 4 words misheard",
        "heard: (nothing)",
        "every word understood",
        "60.0%",  # 3 of 5 words of the sentences
        "0.0%",
        "Held <out>.",
        "5.1%",
        "Training <the> voice",
        "12 min 05 s",
        "make speak",
        "Pods were left out.",
    ):
        assert shown in words
    opened.close()
