"""Which resources are looked at when an object changes: those it belongs to, and those that take a voice from it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import Key, Kind
from tts_operator.kinds import KINDS
from tts_operator.serving.kind import TTS_SERVICE
from tts_operator.training.kind import TRAINING

BASE = Key(b.KEY.namespace, "base")
BASED = {"fromTraining": {"name": "base"}}


def training(name: str, model: Any, namespace: str = b.KEY.namespace) -> tuple[Kind, dict[str, Any]]:
    return TRAINING.kind, b.training({"metadata.name": name, "metadata.namespace": namespace, "spec.model": model})


@pytest.mark.parametrize(
    ("referring", "woken"),
    [
        (training("a", {"acoustic": BASED}), "training a"),
        (training("a", {"vocoder": BASED}), "training a"),
        (training("a", {"acoustic": BASED, "vocoder": BASED}), "training a"),
        ((TTS_SERVICE.kind, s.service({"spec.model": BASED})), "service speak"),
        (training("a", {"vocoder": {"fromTraining": {"name": "another"}}}), ""),
        (training("a", {"acoustic": BASED}, "another-team"), ""),
        (training("a", {"acoustic": "of any shape"}), ""),
        (training("a", None), ""),
    ],
)
def test_what_takes_a_voice_from_a_training_is_woken_by_it(referring: Any, woken: str) -> None:
    cache = Cache(KINDS.owners)
    cache.put(*referring)
    # The training's own change, whether it is made, completes or goes.
    kind, base = b.another("base")
    for affected in (cache.put(kind, base), cache.remove(kind, BASE)):
        found = {f"{controller} {key.name}" for controller, key in KINDS.wake(cache, kind, BASE, affected)}
        assert found == {"training base", *([woken] if woken else [])}
