"""Flags of the command line that stand for fields of a TTSService."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from tts_api.resources.service import Batching, Limits
from tts_workloads.serving import __main__ as command
from tts_workloads.serving import flags
from tts_workloads.serving.config import ServingConfig

LAPTOP = Path(__file__).parents[4] / "docs/laptop.md"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    flags.add(made)
    return made


def test_every_field_is_a_flag_that_help_and_documentation_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # no word is cut
    told = " ".join(parser().format_help().split())
    for model in (Limits, Batching):
        for name, field in model.model_fields.items():
            flag = f"--{name.replace('_', '-')}"
            assert f"{flag} NUMBER" in told
            assert " ".join(str(field.description).split()) in told
            assert f"`{flag}" in LAPTOP.read_text()


@pytest.mark.parametrize(
    ("arguments", "limits", "batching"),
    [
        ([], Limits(), Batching()),
        (["--max-concurrent-requests", "8"], Limits(max_concurrent_requests=8), Batching()),
        (
            ["--max-queue-milliseconds=0", "--max-batch-size=4", "--max-wait-milliseconds=5"],
            Limits(max_queue_milliseconds=0),
            Batching(max_batch_size=4, max_wait_milliseconds=5),
        ),
    ],
)
def test_what_is_given_is_what_is_served(
    arguments: list[str], limits: Limits, batching: Batching, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[ServingConfig] = []

    def serve(what: Any) -> int:
        served.append(what())
        return 0

    monkeypatch.setattr(command, "serve", serve)
    monkeypatch.setattr(command.logs, "configure", lambda: None)
    monkeypatch.setattr(sys, "argv", ["serving", "--voice", "a.pt", *arguments])
    assert command.main() == 0
    assert [(one.limits, one.batching) for one in served] == [(limits, batching)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--voice", "a.pt", "--max-concurrent-requests", "0"], "--max-concurrent-requests 0: Input should be greater"),
        (["--voice", "a.pt", "--max-batch-size", "many"], "--max-batch-size many: Input should be a valid integer"),
        (["--max-batch-size", "4"], "--max-batch-size goes with --voice"),
        (["--api-keys", "keys"], "--api-keys goes with --voice"),
    ],
)
def test_a_wrong_flag_is_named(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["serving", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
