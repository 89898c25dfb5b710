"""Numbers as people read them: on the pages of a training and in its card."""

from __future__ import annotations

import json

import pytest

from tests.unit.workloads import tiny_voice
from tts_api.resources.training import Model
from tts_api.voice import VoiceCard
from tts_workloads import text
from tts_workloads.training.finish import card_page
from tts_workloads.training.finish.plain_numbers import plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (160.0, "160"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (0.1, "0.1"),
        (4.25, "4.25"),
        (0.30000000000000004, "0.3"),
        (1234567.0, "1234567"),
        (12.3456789, "12.3457"),
        (0.00001, "0.00001"),
        (1e-7, "0.0000001"),
    ],
)
def test_a_number_is_written_plainly(value: float, written: str) -> None:
    assert plain(value) == written


def test_whole_parameters_of_a_card_are_integers() -> None:
    parameters = {"hiddenSize": 160, "dropout": 0.1, "encoderLayers": 4}
    model = Model.model_validate({"acoustic": {"parameters": parameters}})
    card = tiny_voice.card(text.for_training("en-us"), model=model)
    written = card.model_dump_json(by_alias=True)
    assert '"hiddenSize":160,"dropout":0.1,"encoderLayers":4}' in written
    assert VoiceCard.model_validate_json(written) == card
    assert json.loads(written)["model"]["vocoder"]["parameters"] == {}
    assert "hiddenSize 160, dropout 0.1, encoderLayers 4" in card_page.page(card)
