"""JSON logs: one object a line, which names the resource that it concerns."""

from __future__ import annotations

import logging
import sys
from typing import Any

from pythonjsonlogger.json import JsonFormatter


class _Formatter(JsonFormatter):
    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        # kopf attaches a reference to the object. Its fields get the names that the operator's own lines use.
        reference = log_data.pop("k8s_ref", None)
        for key in ("k8s_skip", "settings"):
            log_data.pop(key, None)
        if isinstance(reference, dict):
            log_data |= {"resource": reference.get("kind"), "namespace": reference.get("namespace")}
            log_data |= {"resource_name": reference.get("name"), "uid": reference.get("uid")}


def configure(level: str) -> None:
    """Send everything to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    renames = {"asctime": "time", "levelname": "level", "name": "logger"}
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=renames))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These log every request and every event, which the metrics count.
    for chatty in ("aiohttp.access", "kopf.objects", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
