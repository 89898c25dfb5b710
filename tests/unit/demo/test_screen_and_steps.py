"""What the demo prints while it works, and the table of times that it keeps."""

from __future__ import annotations

import io
import json
import time

import pytest

from demo.screen import Screen
from demo.steps import Row, Steps, clock, disk, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (725, "12 min 05 s"), (3725, "1 h 02 min")],
    ids=str,
)
def test_a_duration_is_written_as_people_write_it(seconds: float, words: str) -> None:
    assert clock(seconds) == words


def test_the_table_has_the_time_of_each_step() -> None:
    assert table([Row("Building", 300.2), Row("Speaking", 8.0)], 312) == [
        "  Building  5 min 00 s",
        "  Speaking         8 s",
        "  together  5 min 12 s",
    ]


def test_the_disk_is_told_by_its_largest_folders() -> None:
    assert disk({"small": 10**6, "images": 4 * 10**9, "venv": 7 * 10**9}) == "11.0 GB (venv 7.0, images 4.0)"
    assert disk({}) == "0.0 GB"


def test_a_later_stage_goes_on_with_the_same_rows() -> None:
    steps = Steps(Screen(io.StringIO()), began=5.0)
    with steps.step("Building"):
        pass
    resumed = Steps.resumed(steps.to_json(), steps.screen)
    assert (resumed.began, resumed.rows) == (5.0, steps.rows)
    document = json.loads(json.dumps(resumed.document([{"name": "go"}], {"cpus": 2})))
    assert [row["name"] for row in document["steps"]] == ["Building"]
    assert (document["parts"], document["cpus"]) == ([{"name": "go"}], 2)


def test_a_step_that_fails_is_no_row() -> None:
    steps = Steps(Screen(io.StringIO()))
    with pytest.raises(OSError, match="no space"), steps.step("Building"):
        raise OSError("no space")
    assert steps.rows == []


def test_silence_is_broken_by_a_line_that_names_what_was_said_last() -> None:
    out = io.StringIO()
    screen = Screen(out, heartbeat_seconds=0.05)
    with screen.heartbeat("Building"):
        screen.doing("  compiling 1200 packages")
        deadline = time.monotonic() + 20
        while "still busy" not in out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "  still busy after 0 min: compiling 1200 packages\n" in out.getvalue()
    said = out.getvalue()
    time.sleep(0.2)
    assert out.getvalue() == said, "a step that has ended is silent"
