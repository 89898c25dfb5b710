"""Reads the run document that a pod is given, of either kind. Its fields are defined in ``tts_api.run``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tts_api.reasons import Reason
from tts_api.run import SCHEMA, ServiceRun, TrainingRun
from tts_workloads.exits import BadInput

Run = TypeVar("Run", TrainingRun, ServiceRun)


def read_run(kind: type[Run], path: Path) -> Run:
    """Return the run document.

    Raises BadInput with the reason InvalidRun where it is missing, malformed, or of a later schema than this code
    knows.
    """
    try:
        run = kind.model_validate_json(path.read_text())
    except OSError as error:
        raise BadInput(Reason.INVALID_RUN, f"the run document {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        value = f" is {first['input']!r:.80}" if where and isinstance(first["input"], str | int | float) else ""
        field = f"{where}{value}: " if where else ""
        raise BadInput(
            Reason.INVALID_RUN,
            f"the run document {path} is not valid: {field}{first['msg'].removeprefix('Value error, ')}",
        ) from None
    if run.schema_ > SCHEMA:
        raise BadInput(
            Reason.INVALID_RUN,
            f"the run document {path} has schema {run.schema_}, this image reads up to {SCHEMA}: use a newer image",
        )
    return run
