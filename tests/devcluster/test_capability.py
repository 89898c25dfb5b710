"""Whether nodes can run here is told before anything is built, with the first thing that is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devcluster import capability, control_groups

_CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        ((), None),
        ((0,), "Linux"),
        ((1,), "sudo"),
        ((2,), "apt-get"),
        ((3,), "--privileged"),
        ((4,), "control groups"),
        ((1, 2, 3, 4), "sudo"),
    ],
    ids=[
        "nothing",
        "system",
        "root",
        "apt-get",
        "namespaces",
        "control groups",
        "root comes before what only root can",
    ],
)
def test_the_first_thing_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, failing: tuple[int, ...], words: str | None
) -> None:
    # What stands behind the first that fails is not even tried.
    def need(index: int) -> bool:
        assert index <= min(failing, default=index)
        return index not in failing

    needs = capability._NEEDS
    monkeypatch.setattr(
        capability, "_NEEDS", [(lambda index=index: need(index), why) for index, (_, why) in enumerate(needs)]
    )
    why = capability.why_no_nodes()
    assert why is None if words is None else why is not None and words in why


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="takes rights away from root")
@pytest.mark.parametrize(
    ("without", "words"),
    [
        (["unshare", "--user", "--map-user=65534"], "sudo"),
        (["setpriv", "--bounding-set=-sys_admin"], "--privileged"),
    ],
    ids=["an ordinary user", "root in a container"],
)
def test_without_rights_the_command_gives_the_reason(without: list[str], words: str) -> None:
    asked = [*without, sys.executable, "-m", "devcluster", "can-run-pods"]
    run = subprocess.run(asked, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert words in run.stderr
    assert len(run.stderr.splitlines()) == 1


@pytest.mark.parametrize("can_be_made", [True, False])
def test_control_groups_are_tried_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, can_be_made: bool
) -> None:
    for hierarchy in ("cpu", "memory"):
        (tmp_path / hierarchy).mkdir()
    if not can_be_made:
        monkeypatch.setattr(Path, "mkdir", _refuse)
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path)
    assert control_groups.may_be_made() == can_be_made
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cpu", "memory"]


def _refuse(path: Path, *_: object, **__: object) -> None:
    raise PermissionError(f"{path} cannot be made")
