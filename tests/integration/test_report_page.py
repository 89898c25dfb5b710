"""The report of a training in a real browser: it is readable on a telephone and on a desk, by day and by night."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import browser as running_browser
from tests.unit.workloads.training.test_report_page import report
from tts_workloads.training.finish.report_page import page

RUN: dict[str, Any] = {
    "resource": {"namespace": "speech", "name": "allison", "uid": "0a1b2c3d-0000-4000-8000-000000000001"},
    "dataset": {"format": "ljspeech", "path": "corpora/" + "a" * 80, "audio": {"sampleRate": 22050}},
    "model": {"acoustic": {"parameters": {"hiddenSize": 160.0, "dropout": 0.1, "encoderLayers": 4.0}}},
    "sources": {"acoustic": {"path": "base-0a1b2c3d/voice-abababababab.pt", "sha256": "ab" * 32}},
    "training": {"maxSteps": 3000, "learningRate": 0.0001, "compile": True, "augmentation": {"gainDecibels": 0.0}},
}
WIDTHS = {"telephone": 390, "small-telephone": 320, "desk": 1200}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_the_report_is_readable(chromium: Browser, tmp_path: Path, width: int, scheme: Any) -> None:
    html = tmp_path / "index.html"
    words = "It was raining in the port when the ship came in, and nobody on the pier had an umbrella with them."
    html.write_text(page(report(tmp_path / "report", whole=True), RUN, {"one": words}))
    opened = chromium.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    opened.goto(html.as_uri())
    if folder := os.environ.get("TTS_TEST_PICTURES"):
        opened.screenshot(path=Path(folder) / f"report-{width}-{scheme}.png", full_page=True)
    sizes = opened.evaluate("[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]")
    assert sizes[0] <= sizes[1]
    # Nothing is cut off or runs into what is beside it.
    cut = """[...document.querySelectorAll("th, td, figcaption, h1, h2, label, img")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth || one.scrollWidth > one.clientWidth + 1)
        .map((one) => one.textContent)"""
    assert opened.evaluate(cut) == []
    shown = opened.inner_text("body")
    rows = [line.replace("\t", " ") for line in shown.splitlines() if line]
    told = " ".join(rows)
    assert "model.acoustic.parameters.hiddenSize 160 " in told
    assert "training.learningRate 0.0001" in told
    assert "training.augmentation.gainDecibels 0" in told
    assert "120.5 cents" in told
    assert re.findall(r" \d+\.0 ", told) == []
    assert contrast(opened.evaluate(COLOURS)) >= 4.5
    opened.close()


COLOURS = """["p", "h2", "th", "td.note"].map((one) => {
    const canvas = document.createElement("canvas").getContext("2d");
    const pixel = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const style = getComputedStyle(document.querySelector(one));
    return [pixel(style.color), pixel(getComputedStyle(document.documentElement).backgroundColor)];
})"""


def contrast(pairs: list[list[list[int]]]) -> float:
    """The lowest contrast (WCAG 2) of pairs of text and background."""

    def luminance(colour: list[int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    both = [sorted(map(luminance, pair), reverse=True) for pair in pairs]
    return min((light + 0.05) / (dark + 0.05) for light, dark in both)
