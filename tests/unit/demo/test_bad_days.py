"""Whatever happens to the demo, there is one clear message, nothing is left running, and there is no traceback."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from demo import corpus, costs, flow, listen
from demo.children import ChildFailed
from demo.screen import Screen
from demo.steps import Steps
from devcluster.commands import PartsError
from devcluster.processes import ClusterError
from tts_workloads.quality.recognise import Heard

ROOT = Path(__file__).parents[3]
MOMENTS = ("train", "serving", "speak", "fetch", "end", "hear")


class FakeWay:
    """A way to train and serve that fails at one moment."""

    def __init__(self, moment: str = "", error: BaseException | None = None, left_out: str = "") -> None:
        self.left_out = left_out
        self.abandoned = 0
        self._moment, self._error = moment, error

    def fail(self, moment: str) -> None:
        if moment == self._moment and self._error:
            raise self._error

    def train(self, corpus: Path) -> None:
        self.fail("train")

    @contextmanager
    def serving(self) -> Iterator[str]:
        self.fail("serving")
        yield "http://127.0.0.1:1"

    def fetch(self, output: Path) -> None:
        self.fail("fetch")
        (output / "voice.pt").write_bytes(b"voice")

    def end(self, *, keep: bool) -> bool:
        self.fail("end")
        return keep

    def abandon(self) -> None:
        self.abandoned += 1

    def post_mortem(self) -> list[str]:
        return ["Logs: here"]


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's folder, with what an earlier demo left; the corpus and the caches are small."""
    folder = tmp_path / "demo-output"
    (folder / "speech").mkdir(parents=True)
    (folder / "speech/old.wav").write_bytes(b"old")
    (folder / ".lock").write_text("1")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/metadata.csv").write_text("a|A text.\n")
    monkeypatch.setattr(corpus, "prepare", lambda: tmp_path / "corpus")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TTS_TIMES", raising=False)
    return folder


def go(way: FakeWay, output: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool = False) -> tuple[int, str]:
    """Run the demo this way; returns the exit status and what it printed."""
    screen = Screen(io.StringIO())

    def speak(url: str, folder: Path, greeting: str) -> None:
        way.fail("speak")
        folder.mkdir()
        (folder / "greeting.wav").write_bytes(greeting.encode())

    def hear(folder: Path) -> list[Heard]:
        way.fail("hear")
        return [Heard("everyday-00", "everyday sentences", "A <text>.", "a texts", (1, 2))]

    monkeypatch.setattr(listen, "speak", speak)
    monkeypatch.setattr(listen, "hear", hear)
    code = flow.go(way, Steps(screen), screen, output, keep=keep)
    assert isinstance(screen.out, io.StringIO)
    return code, screen.out.getvalue()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ClusterError("the node did not start"), id="cluster"),
        pytest.param(PartsError("go: no space left on device"), id="parts"),
        pytest.param(ChildFailed("tts run failed (exit status 1)"), id="child"),
        pytest.param(OSError(28, "No space left on device"), id="full-disk"),
        pytest.param(httpx.ReadTimeout("timed out"), id="http"),
        pytest.param(corpus.CorpusUnavailable("apt-get download failed"), id="corpus"),
        pytest.param(subprocess.TimeoutExpired("kubectl", 5), id="subprocess"),
    ],
)
def test_an_error_is_one_message_and_everything_is_taken_down(
    moment: str, error: Exception, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = FakeWay(moment, error)
    code, said = go(way, output, monkeypatch)
    assert code == 1
    assert f"make demo: {error}" in said
    assert "What the demo had started is taken down. `make demo` starts again." in said
    assert way.abandoned >= 1
    assert "Traceback" not in said


def test_what_cannot_be_taken_down_is_told_with_the_command_that_tries_again(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = FakeWay("train", ClusterError("the training failed"))

    def abandon() -> None:
        raise ClusterError("processes {7} do not end")

    monkeypatch.setattr(way, "abandon", abandon)
    code, said = go(way, output, monkeypatch)
    assert code == 1
    assert "make demo: the training failed" in said
    assert "could not be taken down (processes {7} do not end): `make cluster-down` tries it again." in said


def test_a_full_disk_is_named(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "FULL_BYTES", 10**18)
    _, said = go(FakeWay("train", ClusterError("exit status 1")), output, monkeypatch)
    assert f"free at {output}: the disk is full. Make room there." in said


def test_what_remains_is_the_voice_the_page_and_the_times(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = go(FakeWay(), output, monkeypatch)
    assert code == 0, said
    assert {path.name for path in output.iterdir()} == {"speech", "voice.pt", "index.html", "times.json", ".lock"}
    assert not (output / "speech/old.wav").exists()
    page = (output / "index.html").read_text()
    assert "A &lt;text&gt;." in page
    assert "1 of 2 words misheard" in page


@pytest.mark.parametrize(
    ("keep", "left_out", "has", "lacks"),
    [
        pytest.param(False, "", ["make speak", "make demo KEEP=1", "rm -r demo-output"], ["port-forward"], id="gone"),
        pytest.param(
            True, "", ["make speak", "port-forward -n speech service/allison-serve", "make cluster-down"], [], id="kept"
        ),
        pytest.param(False, "You have not seen pods.", ["make speak", "rm -r demo-output"], ["KEEP=1"], id="no-pods"),
    ],
)
def test_the_last_lines_tell_how_to_go_on(
    keep: bool, left_out: str, has: list[str], lacks: list[str], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, said = go(FakeWay(left_out=left_out), output, monkeypatch, keep=keep)
    assert [words for words in (*has, (output / "index.html").as_uri()) if words not in said] == []
    assert [words for words in lacks if words in said] == []
    if left_out:
        assert said.splitlines()[-1] == left_out


STOPPED = """
import sys, time
from pathlib import Path
from demo import flow, listen, corpus, signals
from demo.screen import Screen
from demo.steps import Steps
sys.path.insert(0, str(Path({here!r}).parent))
from test_bad_days import FakeWay

class Waits(FakeWay):
    def fail(self, moment):
        if moment == {moment!r}:
            print("waiting", flush=True)
            time.sleep(600)
    def abandon(self):
        print("taken down", flush=True)
        time.sleep(1)  # the second signal comes now

def run(_, screen):
    way = Waits()
    listen.speak = lambda *_: way.fail("speak")
    listen.hear = lambda _: way.fail("hear")
    corpus.prepare = lambda: Path("/nowhere")
    output = Path({output!r})
    return flow.go(way, Steps(screen), screen, output, keep=False)

flow.run = run
sys.argv = ["run", "{{}}"]
from demo.run import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        *(pytest.param(moment, signal.SIGINT, id=f"{moment}-Ctrl-C") for moment in MOMENTS),
        pytest.param("train", signal.SIGTERM, id="train-SIGTERM"),
        pytest.param("speak", signal.SIGHUP, id="speak-SIGHUP"),
    ],
)
def test_a_signal_at_any_moment_takes_everything_down_once(moment: str, number: signal.Signals, output: Path) -> None:
    program = STOPPED.format(here=__file__, moment=moment, output=str(output))
    demo = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout
    said = []
    while "waiting" not in said:
        said.append(demo.stdout.readline().strip())
        assert said[-1], f"the demo ended early: {said}"
    demo.send_signal(number)
    assert demo.stdout.readline() == "taken down\n"
    demo.send_signal(number)
    words = "Ctrl-C" if number == signal.SIGINT else number.name
    assert demo.stdout.read() == f"Stopped by {words}; nothing runs any more. `make demo` starts again.\n"
    assert demo.wait(30) == 128 + number
