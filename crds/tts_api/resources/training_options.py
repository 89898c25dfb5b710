"""How the models of a training are trained: for how long, in what batches, and how they are measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tts_api.base import DURATION_PATTERN, Document, Duration, cel_rules, rule, seconds_of

Precision = Literal["auto", "bf16", "fp16", "fp32"]


class Validation(Document):
    """How the models are measured on clips that they are not trained on."""

    clips: Annotated[int, Field(ge=1, le=1000)] = 16
    """Clips held out of the corpus, 1 to 1000, but at most a tenth of the corpus."""
    every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Steps between two validations, 1 to 1000000. Absent means 500, or with training.budget ten validations of each
    model."""


class EarlyStopping(Document):
    """When the training of a model ends before its last step. Each is judged by its own loss on held-out clips."""

    patience: Annotated[int, Field(ge=1, le=1000)]
    """Validations in a row without a lower loss after which the training of the model ends, 1 to 1000."""
    min_delta: Annotated[float, Field(ge=0, le=100)] = 0
    """Difference by which a loss must be lower to count as lower, 0 to 100."""


class Augmentation(Document):
    """Random changes of the training examples. Use them when recordings differ in loudness, tempo or noise and the
    voice should not. Clips that a model is measured on are never changed. After a resume the changes are the same as
    without an interruption."""

    gain_decibels: Annotated[float, Field(ge=0, le=20)] = 0
    """Largest change of an example's loudness in decibels, up or down, 0 to 20."""
    speed: Annotated[float, Field(ge=0, le=0.5)] = 0
    """Largest share by which an example of the acoustic model is stretched or shortened without a change of pitch, 0
    to 0.5."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0
    """Standard deviation of noise on the mel frames that the alignment and the vocoder read, in nepers, 0 to 1."""
    masked: Annotated[float, Field(ge=0, le=0.5)] = 0
    """Largest share of bands and of frames that is hidden from the alignment, 0 to 0.5."""


BUDGET_BOUNDS = "budget must be from 1m to 8760h, in whole hours, minutes and seconds, such as 45m or 1h30m"

LEAST_BUDGET_SECONDS, MOST_BUDGET_SECONDS = 60, 8760 * 3600


def _within_budget_bounds(budget: str) -> str:
    if not LEAST_BUDGET_SECONDS <= seconds_of(budget) <= MOST_BUDGET_SECONDS:
        raise ValueError(f"{BUDGET_BOUNDS} (it is {budget})")
    return budget


# The API server enforces the bounds by the CEL rule, and the form by a rule of its own.
Budget = Annotated[
    Duration,
    AfterValidator(_within_budget_bounds),
    Field(
        json_schema_extra=cel_rules(
            rule(
                f"!self.matches('{DURATION_PATTERN}') || "
                "(duration(self) >= duration('1m') && duration(self) <= duration('8760h'))",
                BUDGET_BOUNDS,
            )
        )
    ),
]


class TrainingOptions(Document):
    """How the models are trained: for a budget of time, or for numbers of steps. The acoustic model is trained first,
    then the vocoder."""

    budget: Budget | None = None
    """Time after which the voice is finished, such as 45m or 1h30m; 1m to 8760h. It counts the time that pods train,
    over all attempts, with preparing the corpus, measuring the voice and writing it. Time without pods (queued,
    suspended) is free. Each model gets its share of what is left, and learning rates, validations and checkpoints
    follow the clock. After an interruption a model continues from its newest checkpoint with less time, so that its
    weights differ from those of an uninterrupted training. Give either budget or maxSteps."""
    max_steps: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Optimizer steps of the acoustic model, 1 to 10000000. 0 uses the model of model.acoustic.fromTraining as it is,
    also beside a budget. After an interruption the training continues exactly as without it."""
    vocoder_max_steps: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Optimizer steps of the vocoder, 1 to 10000000. 0 uses the vocoder of model.vocoder.fromTraining as it is, also
    beside a budget. Absent means as many as maxSteps. Refused for world and griffinlim, which are not trained."""
    batch_seconds: Annotated[float, Field(ge=1, le=10_000)] | None = None
    """Seconds of speech in one batch of each process, 1 to 10000. Absent means what suits the device; status.progress
    shows the choice."""
    precision: Precision = "auto"
    """Number format of the forward pass: bf16, fp16, fp32 or auto. auto means bf16 on devices that are faster in it
    (GPUs since Ampere, CPUs with AMX, AMD CPUs with AVX-512 BF16), else fp32."""
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.0015
    """Peak learning rate of AdamW, above 0, at most 0.1."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    """Seed of all random numbers. The same seed on the same hardware trains the same voice."""
    checkpoint_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Steps between two checkpoints, 1 to 1000000: the most that is lost when a pod is killed. Absent means 500, or
    with training.budget a fiftieth of the budget, at most 10 minutes."""
    keep_checkpoints: Annotated[int, Field(ge=1, le=100)] = 3
    """Newest checkpoints that are kept, 1 to 100. Of the older ones only those of the best validations are kept."""
    validation: Validation = Field(default_factory=Validation)
    """How the models are measured on held-out clips."""
    augmentation: Augmentation = Field(default_factory=Augmentation)
    """Random changes of the training examples. All are off by default."""
    early_stopping: EarlyStopping | None = None
    """When to stop early. Absent means never, and the voice gets the weights of the last step; otherwise it gets the
    weights of the best validation."""

    @property
    def acoustic_steps(self) -> int | None:
        """Optimizer steps of the acoustic model; None where a budget decides."""
        return None if self.budget is not None and self.max_steps is None else self.max_steps

    @property
    def vocoder_steps(self) -> int | None:
        """Optimizer steps of the vocoder, where its architecture is trained; None where a budget decides."""
        if self.vocoder_max_steps is not None or self.budget is not None:
            return self.vocoder_max_steps
        return self.max_steps
