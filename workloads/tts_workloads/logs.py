"""How a workload logs: a JSON record per line in a pod, plain lines on a terminal. Never the text of a request."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""What the request is called that is being answered: every record that is logged meanwhile says so."""
RESERVED = {"color_message"}
"""What uvicorn adds to its records for terminals."""


def configure(*, level: str = "INFO", stream: TextIO | None = None, **fields: object) -> None:
    """Send every record to ``stream`` (standard error if absent), with ``fields`` in each JSON line."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.addFilter(_say_which_request)
    if stream.isatty():
        handler.setFormatter(logging.Formatter("%(levelname)-7s %(message)s"))
    else:
        handler.setFormatter(
            JsonFormatter(
                "{asctime}{levelname}{name}{message}",
                style="{",
                datefmt="%Y-%m-%dT%H:%M:%S%z",
                rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
                static_fields=dict(fields),
                reserved_attrs=[*_record_attributes(), *RESERVED],
            )
        )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # One line per request of the status API would drown the training's own.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def _say_which_request(record: logging.LogRecord) -> bool:
    if (name := request_id.get()) is not None:
        record.request_id = name
    return True


def _record_attributes() -> list[str]:
    """What every record has and no line needs."""
    return [*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"]
