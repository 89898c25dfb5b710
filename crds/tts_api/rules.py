"""The CEL rules that the API server enforces on a whole resource or a whole spec.

A rule on one field is declared where the field is, in ``tts_api.resources``. The rules here relate several fields, or
the old spec to the new one. ``tts_api.kinds`` says which rules a kind has.
"""

from __future__ import annotations

from tts_api.architectures import VOCODERS, WORLD
from tts_api.base import Rule, rule
from tts_api.resources.parameters import architecture_of
from tts_api.resources.training import (
    IMMUTABLE_SPEC_FIELDS,
    NO_LENGTH,
    NOTHING_TO_TRAIN,
    TWO_LENGTHS,
    TTSTrainingSpec,
)

MAX_NAME_LENGTH = 40
"""Longest name of a resource, in characters. The operator names children after it, and Kubernetes limits some of their
names to 63 characters."""

NAME_RULE = rule(
    f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name must be at most {MAX_NAME_LENGTH} characters: small letters, digits and -, a letter first, "
    "because the names of its pods and services are made from it",
)
"""Rule on the whole resource, of every kind."""


def not_from_itself(part: str) -> Rule:
    """Rule on a whole TTSTraining: ``part`` (acoustic or vocoder) may not start from the training itself."""
    source = f"self.spec.model.{part}.fromTraining"
    return rule(
        f"!has({source}) || {source}.name != self.metadata.name",
        f"model.{part}.fromTraining.name is this training itself: name another one",
        field_path=f".spec.model.{part}.fromTraining",
    )


def training_spec_rules() -> list[Rule]:
    """The rules on a TTSTraining's spec, made from the registry of vocoders as it is at the call."""
    return [*(_unchanged(name) for name in IMMUTABLE_SPEC_FIELDS), *_steps_rules()]


def _unchanged(name: str) -> Rule:
    """The rule that a field of a training's spec keeps its value.

    It is a rule on the spec, which is required. A rule on an optional field itself would not run after the field was
    left out.
    """
    member = TTSTrainingSpec.model_fields[name]
    field = member.alias or name
    unchanged = f"self.{field} == oldSelf.{field}"
    may_be_absent = not member.is_required() and member.default_factory is None
    return rule(
        f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || {unchanged})"
        if may_be_absent
        else unchanged,
        f"{field} cannot be changed: a training's spec is immutable but for runPolicy; create another training",
        field_path=f".{field}",
    )


def _steps_rules() -> list[Rule]:
    """The rules that give the training one length, each trained model its steps, and none to a vocoder that is not
    trained."""
    architecture = architecture_of("self.model.vocoder", WORLD.name)
    untrained = {name: f"{architecture} == '{name}'" for name, vocoder in VOCODERS.items() if not vocoder.trained}
    given, vocoder_given = "has(self.training.maxSteps)", "has(self.training.vocoderMaxSteps)"
    budget = "has(self.training.budget)"
    no_steps = f"({given} && self.training.maxSteps == 0)"
    # Without a number of its own the vocoder has as many steps as the acoustic model, or a share of the budget.
    no_steps_either = f"(!{budget} && {no_steps})"
    no_vocoder_steps = f"({vocoder_given} ? self.training.vocoderMaxSteps == 0 : {no_steps_either})"
    no_vocoder = " || ".join((no_vocoder_steps, *untrained.values()))
    return [
        rule(f"{budget} || {given}", NO_LENGTH, field_path=".training"),
        rule(
            f"!{budget} || ((!{given} || self.training.maxSteps == 0) && "
            f"(!{vocoder_given} || self.training.vocoderMaxSteps == 0))",
            TWO_LENGTHS,
            field_path=".training",
        ),
        rule(f"!{budget} || !({no_steps} && ({no_vocoder}))", NOTHING_TO_TRAIN, field_path=".training"),
        *(
            rule(
                f"!({is_chosen}) || !{vocoder_given}",
                f"{name} is not trained: leave training.vocoderMaxSteps out, or choose another vocoder in "
                "model.vocoder.architecture",
                field_path=".training",
            )
            for name, is_chosen in untrained.items()
        ),
        rule(
            f"!{no_steps} || has(self.model.acoustic.fromTraining)",
            "training.maxSteps may be 0 only where model.acoustic.fromTraining names a training to take the model from",
            field_path=".training",
        ),
        rule(
            " || ".join((f"!{no_vocoder_steps}", *untrained.values(), "has(self.model.vocoder.fromTraining)")),
            "the vocoder has no steps: set training.vocoderMaxSteps above 0, or name a training to take the vocoder "
            "from in model.vocoder.fromTraining",
            field_path=".training",
        ),
    ]
