"""How a workload logs: a JSON record on each line in a pod, plain lines for people on a terminal and outside a cluster.
The text of a request is never logged."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered. Every record that is logged meanwhile carries it."""
POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
"""Environment variable that every pod has."""
RESERVED = {"color_message"}
"""Attributes that uvicorn adds to its records for terminals, and that no JSON line needs."""


def configure(*, level: str = "INFO", stream: TextIO | None = None, **fields: object) -> None:
    """Send every record to ``stream`` (standard error if absent): in a pod as a JSON line with ``fields``, elsewhere as
    a plain line."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.addFilter(_say_which_request)
    if POD_VARIABLE not in os.environ or stream.isatty():
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
    # A line for each request to the status API would drown the training's own lines.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)


def _say_which_request(record: logging.LogRecord) -> bool:
    if (name := request_id.get()) is not None:
        record.request_id = name
    return True


def _record_attributes() -> list[str]:
    """Return the attributes that every record has and that no JSON line needs."""
    return [*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"]
