"""What the demo says before it starts, and when it refuses to."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import demo.__main__ as begin
from demo import costs, lock
from demo.children import ChildFailed
from demo.screen import Screen
from devcluster.space import Need

ROOT = Path(__file__).parents[3]
RESULTS = Need("cluster and results", 0.5)


@pytest.mark.parametrize(
    ("needs", "minutes", "lines"),
    [
        pytest.param(
            [Need("images", 4.0), RESULTS],
            costs.Minutes(19, 11, "two cores"),
            [
                "Some parts are not in the caches yet: they are downloaded and built first.",
                "This took 19 minutes on two cores; a slower machine or other work take longer.",
            ],
            id="cold",
        ),
        pytest.param(
            [RESULTS],
            costs.Minutes(19, 11, "two cores"),
            [
                "Everything is in the caches.",
                "This took 11 minutes on two cores; a slower machine or other work take longer.",
            ],
            id="warm",
        ),
        pytest.param(
            [RESULTS], costs.Minutes(19, None, "two cores"), ["Everything is in the caches."], id="not-measured"
        ),
    ],
)
def test_the_demo_says_what_it_takes(needs: list[Need], minutes: costs.Minutes, lines: list[str]) -> None:
    assert costs.announcement(needs, minutes, "Title") == ["Title", *lines]


@pytest.mark.parametrize(
    ("has_apt", "has_corpus", "refuses"),
    [(True, False, False), (False, True, False), (False, False, True)],
    ids=["apt", "cached", "neither"],
)
def test_a_machine_without_apt_needs_the_corpus_in_its_cache(
    tmp_path: Path, has_apt: bool, has_corpus: bool, refuses: bool
) -> None:
    if has_corpus:
        (tmp_path / "asterisk-en-1").mkdir()

    def which(name: str) -> str | None:
        return f"/usr/bin/{name}" if has_apt else None

    if refuses:
        with pytest.raises(lock.Refused, match="apt-get and dpkg-deb is not here: run the demo on Debian"):
            begin.refuse_without_corpus(which, tmp_path)
    else:
        begin.refuse_without_corpus(which, tmp_path)


def test_a_second_demo_in_the_checkout_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    first = lock.take(tmp_path / "output")
    with pytest.raises(lock.Refused, match=rf"another demo \(process {os.getpid()}\) runs in this checkout"):
        lock.take(tmp_path / "output")
    os.close(lock.take(tmp_path / "another checkout"))
    os.close(first)
    os.close(lock.take(tmp_path / "output"))


def test_a_lock_goes_with_the_process_that_is_killed(tmp_path: Path) -> None:
    program = f"import time; from pathlib import Path; from demo import lock; lock.take(Path({str(tmp_path)!r})); "
    program += "print('locked', flush=True); time.sleep(600)"
    first = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert first.stdout
    assert first.stdout.readline() == "locked\n"
    with pytest.raises(lock.Refused, match=str(first.pid)):
        lock.take(tmp_path)
    first.kill()
    first.wait()
    os.close(lock.take(tmp_path))


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("mine")
    with pytest.raises(lock.Refused, match="output is a file: delete it"):
        lock.take(tmp_path / "output")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another")
def test_a_folder_of_another_user_is_refused_with_its_owner(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    reached = tmp_path
    while reached != reached.parent:  # the other user must come as far as the folder
        reached.chmod(reached.stat().st_mode | 0o011)
        reached = reached.parent
    program = (
        f"import os, sys; from pathlib import Path; from demo import lock; os.setuid(65534)\n"
        f"try: lock.take(Path({str(output)!r}))\nexcept lock.Refused as refused: print(refused)"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.startswith(f"{output} cannot be written: it belongs to root. Run the demo as root"), run.stderr


def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: list[str]) -> Screen:
    """Replace what installs and what builds by short programs."""
    monkeypatch.setattr(begin, "_install", lambda _: install)
    monkeypatch.setattr(begin, "_python", lambda _: shutil.which("true"))
    monkeypatch.chdir(tmp_path)
    return Screen(io.StringIO())


def test_what_fails_while_installing_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = start(tmp_path, monkeypatch, ["sh", "-c", "echo no route to the index; exit 3"])
    with pytest.raises(ChildFailed, match=r"installing Python packages failed \(exit status 3\):\nno route to the in"):
        begin.prepare(screen, dict(os.environ), has_pods=False)


BEGIN = """
import sys
import demo.__main__ as begin
from demo import lock
from devcluster import capability, space
from pathlib import Path
begin.OUTPUT = Path(sys.argv[1])
capability.why_no_nodes = lambda: "Pods need root: sudo gives it."
space.needed = lambda **_: []
space.check = lambda needs: "enough"
begin._install = lambda _: ["sh", "-c", "sleep 600 & echo $!; wait"]
sys.exit(begin.main())
"""


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        pytest.param(signal.SIGINT, 130, "Stopped by Ctrl-C", id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, "Stopped by SIGTERM", id="SIGTERM"),
        pytest.param(signal.SIGKILL, -9, "", id="SIGKILL"),
    ],
)
def test_what_installs_ends_with_the_demo(tmp_path: Path, number: int, code: int, words: str) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-c", BEGIN, tmp_path / "output"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout
    said = ""
    while not said.strip().isdecimal():
        said = demo.stdout.readline()
        assert said, "the demo ended before it installed anything"
    demo.send_signal(number)
    rest = demo.stdout.read() if number != signal.SIGKILL else ""
    lines = [f"{words}; nothing runs any more. `make demo` starts again."] if words else []
    assert (rest.splitlines(), demo.wait(30)) == (lines, code)
    # What was killed without warning leaves the end of its programs to the kernel.
    deadline = time.monotonic() + 30
    while runs(int(said)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(int(said))


def runs(pid: int) -> bool:
    """Return whether a process of this id runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
