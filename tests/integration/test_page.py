"""The page at ``/`` in a real browser: typing, listening while it streams, stopping, keys and refusals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import soundfile
import torch
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.browser import browser as running_browser
from tests.unit.workloads import tiny_voice
from tests.unit.workloads.live_server import live
from tests.unit.workloads.tiny_tones import Tones
from tts_api.resources.service import Limits
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("browser")]

CANCELLATIONS = "tts_serving_cancellations_total"
SENTENCE = "Good morning to you, at $2 each."
NOTE_MARKED_WORDS = """() => {
    window.lit = [];
    const note = (changes) => changes.forEach(({target}) => target.className === "now" && lit.push(target.textContent));
    new MutationObserver(note).observe(document.getElementById("words"), {subtree: true, attributeFilter: ["class"]});
}"""
WORDS = ["Good", "morning", "to", "you,", "at", "$2", "each."]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    path = tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt", Tones(slowness=200))
    return LoadedVoice(path, None, torch.device("cpu"))


@pytest.fixture
def open_page(chromium: Browser, voice: LoadedVoice) -> Iterator[Callable[[Service], Page]]:
    """Opens the page of a service; fails where the page complains of anything or asks for something elsewhere."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def opened(service: Service) -> Page:
            url = stack.enter_context(live(service, voice))
            page = chromium.new_page()
            stack.callback(page.close)

            def asked(request: Request) -> None:
                if not request.url.startswith((url, "blob:")):
                    complaints.append(f"a request to {request.url}")

            def said(message: ConsoleMessage) -> None:
                if message.type == "error":
                    complaints.append(message.text)

            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", said)
            page.on("request", asked)
            page.goto(url)
            return page

        yield opened
    # A refusal that the page is told of is on the console too.
    assert [one for one in complaints if "the server responded with a status of 4" not in one] == []


def test_a_voice_is_chosen_and_heard(open_page: Callable[[Service], Page], voice: LoadedVoice, tmp_path: Path) -> None:
    page = open_page(Service("tones", Limits()))
    expect(page).to_have_title("tones")
    expect(page.get_by_label("Voice").locator("option")).to_have_text(["default", "allison", "bert"])
    page.get_by_label("Text").fill(SENTENCE)
    page.get_by_label("Voice").select_option("bert")
    page.get_by_label("Speed").fill("0.5")
    page.evaluate(NOTE_MARKED_WORDS)
    with page.expect_request("**/v1/audio/speech") as asked:
        page.get_by_role("button", name="Speak").click()
    wanted = asked.value.post_data_json or {}
    assert (wanted["input"], wanted["voice"], wanted["speed"]) == (SENTENCE, "bert", 0.5)
    expect(page.locator("#words span")).to_have_text(WORDS)
    expect(page.get_by_role("button", name="Stop")).to_be_disabled(timeout=20_000)
    lit = page.evaluate("lit")
    rest = iter(WORDS)
    assert len(lit) > 1, "words are marked while they are said"
    assert all(word in rest for word in lit), "in their order; a slow machine may pass over some"
    expect(page.locator("#words .now")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("s of sound; the first after")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as WAV").click()
    assert saved.value.suggested_filename == "tones.wav"
    saved.value.save_as(tmp_path / "tones.wav")
    sound, rate = soundfile.read(tmp_path / "tones.wav")
    assert rate == 24000
    assert len(sound) / rate == pytest.approx(0.1 * len(voice.front_end.encode(SENTENCE)), rel=0.01)
    assert abs(sound).max() == pytest.approx(0.3, abs=0.02)


def test_the_sound_is_stopped(open_page: Callable[[Service], Page]) -> None:
    service = Service("tones", Limits())
    page = open_page(service)
    page.get_by_label("Text").fill("Good morning, everyone. " * 100)
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#words .now")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    deadline = time.monotonic() + 20
    while service.in_progress:  # the server notices and makes no more
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert service.metrics.registry.get_sample_value(CANCELLATIONS) == 1
    # And it can be asked again, from the keyboard.
    page.get_by_label("Text").fill("Again.")
    page.get_by_label("Text").press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("s of sound", timeout=20_000)
    expect(page.locator("#words span")).to_have_text(["Again."])


def test_a_refusal_is_told_in_the_servers_words(open_page: Callable[[Service], Page]) -> None:
    page = open_page(Service("tones", Limits()))
    page.get_by_label("Text").fill("<speak>broken")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("status")).to_contain_text("SSML")
    expect(page.get_by_role("status")).to_have_class("wrong")
    expect(page.get_by_role("link", name="Save as WAV")).to_be_hidden()


def test_a_key_is_asked_for_where_one_is_needed(open_page: Callable[[Service], Page], tmp_path: Path) -> None:
    (tmp_path / "team").write_text("open sesame")
    page = open_page(Service("tones", Limits(), keys=ApiKeyFolder(tmp_path)))
    expect(page.get_by_role("status")).to_contain_text("key")
    page.get_by_label("API key").fill("open sesame")
    page.get_by_label("API key").press("Tab")
    expect(page.get_by_label("Voice").locator("option")).to_have_count(3)
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("status")).to_contain_text("s of sound", timeout=20_000)


def test_a_name_is_text_and_nothing_more(open_page: Callable[[Service], Page]) -> None:
    page = open_page(Service("<script>alert(1)</script>", Limits()))
    expect(page.get_by_role("heading")).to_have_text("<script>alert(1)</script>")
