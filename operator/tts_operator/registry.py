"""Every kind that the operator looks after. A new kind needs a record, a controller, and a place in ``CONTROLLERS``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from tts_operator import access
from tts_operator.engine.controller import Controller
from tts_operator.engine.records import KindRecord, KindRegistry
from tts_operator.pods import MANAGED_BY
from tts_operator.serving.controller import ServiceController
from tts_operator.settings import Settings
from tts_operator.training.controller import TrainingController


class _ControllerClass(Protocol):
    record: KindRecord[Any]

    def __call__(self, settings: Settings, /) -> Controller[Any]: ...


CONTROLLERS: tuple[_ControllerClass, ...] = (TrainingController, ServiceController)
"""The controller of each kind."""


def kind_registry(records: Iterable[KindRecord[Any]]) -> KindRegistry:
    """The registry of kinds whose children carry the operator's labels. Their pods share the account of a namespace."""
    return KindRegistry(tuple(records), child_labels=MANAGED_BY, shared=access.SHARED)


KINDS = kind_registry(controller.record for controller in CONTROLLERS)
