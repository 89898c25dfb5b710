"""Every list of names has one home in ``tts_api``: what the packages register or repeat is equal to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import pytest
import torch

from tts_api import architectures, choices
from tts_api.report import TrainingStage
from tts_api.resources.training import Phase
from tts_api.resources.training_options import Precision
from tts_api.run import RunSources
from tts_api.voice import Capability
from tts_operator.training.metrics import PHASES
from tts_workloads import models
from tts_workloads.data.formats import FORMATS
from tts_workloads.models.acoustic.fastspeech2.recipe import FastSpeech2Stage
from tts_workloads.models.stage import StageName
from tts_workloads.text import FRONT_ENDS
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.setup import starting_voices

SAME: dict[str, tuple[Collection[str], Collection[str]]] = {
    "acoustic models that are built": (architectures.ACOUSTIC_MODELS, models.ACOUSTIC_MODELS),
    "vocoders that are built": (architectures.VOCODERS, models.VOCODERS),
    "acoustic models that a voice may bring": (architectures.ACOUSTIC_MODELS, starting_voices.KNOWN["acoustic"]),
    "vocoders that a voice may bring": (architectures.VOCODERS, starting_voices.KNOWN["vocoder"]),
    "formats of a corpus that are read": (choices.DATASET_FORMATS, FORMATS),
    "languages with a front end": (choices.LANGUAGES, FRONT_ENDS),
    "models that may come from another training": (RunSources.model_fields, get_args(starting_voices.Part)),
    "phases that are counted": (get_args(Phase), PHASES),
}


@pytest.mark.parametrize("names", SAME)
def test_both_lists_have_the_same_names(names: str) -> None:
    home, other = SAME[names]
    assert set(other) == set(home)


@pytest.mark.parametrize(
    ("home", "other"),
    [
        pytest.param(get_args(TrainingStage), get_args(StageName), id="stages that train a model"),
        pytest.param(get_args(Capability), FastSpeech2Stage.supports, id="capabilities that a voice has"),
    ],
)
def test_no_name_is_unknown_at_home(home: Collection[str], other: Collection[str]) -> None:
    assert set(other) <= set(home)


@pytest.mark.parametrize(
    "registry", [architectures.ACOUSTIC_MODELS, architectures.VOCODERS], ids=["acoustic", "vocoder"]
)
def test_an_architecture_is_registered_under_its_own_name(registry: dict[str, architectures.Architecture]) -> None:
    assert {name: one.name for name, one in registry.items()} == {name: name for name in registry}


def test_every_precision_has_a_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    formats = {precision: choose(precision, torch.device("cuda")).dtype for precision in get_args(Precision)}
    assert formats == {"auto": torch.bfloat16, "bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}
