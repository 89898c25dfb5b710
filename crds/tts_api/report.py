"""What a pod reports back: progress, results, exit codes and the termination message. How it is sent is the pod's
affair, what the operator makes of it the operator's."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tts_api.base import Document, Sha256

PROGRESS_FIELD_MANAGER = "tts-workload"
"""The field manager under which a pod applies its part of the status."""

TERMINATION_MESSAGE_LIMIT_BYTES = 4096
"""What Kubernetes keeps of a container's termination message."""

TERMINATION_MESSAGE_PATH = "/dev/termination-log"

ShortText = Annotated[str, StringConstraints(max_length=64)]
Time = Annotated[str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})]
Remark = Annotated[str, StringConstraints(max_length=256)]
FilePath = Annotated[str, StringConstraints(max_length=1024)]


class ExitCode(IntEnum):
    """How a workload's process ends. Any other code is a failure that counts against ``backoffLimit``."""

    FINISHED = 0
    """The artifact is written and its digest reported."""
    BAD_INPUT = 64
    """The request or the data is wrong: to run it again would not help (EX_USAGE of sysexits.h)."""
    INTERRUPTED = 75
    """A checkpoint is saved: run me again, this is no failure (EX_TEMPFAIL of sysexits.h)."""


class Checkpoint(Document):
    """A checkpoint from which the training resumes."""

    step: Annotated[int, Field(ge=0)]
    """Steps done when it was saved, over all stages."""
    path: FilePath
    """Its file, relative to the root of the checkpoint volume."""
    sha256: Sha256
    """Digest of the file."""
    saved_at: Time
    """When it was saved."""


class Artifact(Document):
    """The finished voice: one TorchScript file."""

    path: FilePath
    """The file, relative to the root of the checkpoint volume; its name contains its digest."""
    sha256: Sha256
    """Digest of the file."""
    size_bytes: Annotated[int, Field(ge=0)]
    """Size of the file in bytes."""
    sample_rate: Annotated[int, Field(ge=1)]
    """Samples per second of what it speaks."""
    languages: Annotated[
        tuple[ShortText, ...], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ]
    """Languages it speaks."""
    speakers: Annotated[
        tuple[ShortText, ...], Field(max_length=1024, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ]
    """Speakers it has, as a request's voice names them."""


class Evaluation(Document):
    """The voice measured on clips that it was not trained on."""

    clips: Annotated[int, Field(ge=0)]
    """Held-out clips that were measured."""
    mel_loss: float | None = None
    """Mean absolute error of the log-mel frames, in nepers."""
    mel_cepstral_distortion: float | None = None
    """Mel-cepstral distortion after alignment in time, in decibels; lower is better."""
    pitch_error_cents: float | None = None
    """Root mean square error of the pitch where both are voiced, in hundredths of a semitone; lower is better."""
    voicing_error: float | None = None
    """Share of the frames that are voiced in one of voice and recording and not in the other, 0 to 1."""
    duration_error_milliseconds: float | None = None
    """Mean absolute error of a symbol's duration, in milliseconds."""
    real_time_factor: float | None = None
    """Seconds of computing for each second of speech, on the device that trained; lower is faster."""
    listened_clips: Annotated[int, Field(ge=0)] | None = None
    """Held-out clips that were listened to for the measures below; absent, as they are, without the extra quality."""
    word_error_rate: float | None = None
    """Words that a recogniser (Whisper tiny.en) misheard for each word of the clips; lower is better."""
    recorded_word_error_rate: float | None = None
    """Words that the recogniser misheard for each word of the recordings: what a voice could reach."""
    character_error_rate: float | None = None
    """Characters that the recogniser misheard for each character of the clips; lower is better."""
    recorded_character_error_rate: float | None = None
    """Characters that the recogniser misheard for each character of the recordings."""
    opinion_score: float | None = None
    """Mean opinion that a network trained on people's (DistillMOS) has of the voice, from 1, bad, to 5, excellent."""
    recorded_opinion_score: float | None = None
    """Mean opinion that the network has of the recordings."""


class TrainingResult(Document):
    """What a finished training leaves."""

    artifact: Artifact
    """The finished voice."""
    evaluation: Evaluation | None = None
    """How good it is on held-out clips."""


class ProgressDisplay(Document):
    """The progress as kubectl's columns show it: columns can only show what is stored."""

    percent: ShortText = ""
    """Share of the steps done, as in 42%."""
    step: ShortText = ""
    """Steps done of all steps, as in 84000/200000."""
    loss: ShortText = ""
    """The training loss, as in 0.3127."""
    eta: ShortText = ""
    """Time to the end at the present speed, as in 3h4m."""


class GpuUsage(Document):
    """What a GPU says of itself."""

    utilization_percent: Annotated[int, Field(ge=0, le=100)]
    """Share of the last moment in which it computed anything."""
    memory_used_bytes: Annotated[int, Field(ge=0)]
    """Memory in use, by whomever."""
    memory_total_bytes: Annotated[int, Field(ge=0)]
    """Memory that it has."""
    temperature_celsius: int
    """Temperature of its core."""


TrainingStage = Literal["Preparing", "Acoustic", "Vocoder", "Exporting", "Finished"]
"""What a training is at."""


class TrainingProgress(Document):
    """How far a training is. The pod of rank 0 applies it whole, under the field manager tts-workload."""

    stage: TrainingStage = "Preparing"
    """What the training is at: reading the corpus, one of the models, or writing the voice."""
    step: Annotated[int, Field(ge=0)] = 0
    """Steps done, over all stages."""
    total_steps: Annotated[int, Field(ge=0)] = 0
    """Steps to do, over all stages."""
    epoch: Annotated[int, Field(ge=0)] = 0
    """Passes over the corpus done in this stage."""
    loss: float | None = None
    """Training loss of this stage, a moving mean."""
    validation_loss: float | None = None
    """Loss on the held-out clips when last measured in this stage."""
    learning_rate: float | None = None
    """Learning rate of the last step."""
    audio_seconds_per_second: float | None = None
    """Seconds of speech trained on for each second, over all processes."""
    started_at: Time | None = None
    """When this run of the pod began to train."""
    updated_at: Time
    """When this progress was reported."""
    last_step_at: Time | None = None
    """When the last step was done: the operator finds a stalled training by it."""
    display: ProgressDisplay = Field(default_factory=ProgressDisplay)
    """The progress as kubectl's columns show it."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint."""
    gpu: GpuUsage | None = None
    """The GPU of the process of rank 0; absent without one."""
    warnings: Annotated[
        tuple[Remark, ...], Field(max_length=4, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """What is not as it should be, though the training goes on."""
    result: TrainingResult | None = None
    """What the training left, once it finished."""


class ServicePerformance(Document):
    """What a service pod measured on itself when it warmed up, under the field manager tts-workload."""

    sha256: Sha256
    """Digest of the voice that was measured."""
    real_time_factor: Annotated[float, Field(ge=0)]
    """Seconds of computing for each second of speech."""
    time_to_first_audio_milliseconds: Annotated[float, Field(ge=0)]
    """Milliseconds from a request to its first audio."""
    updated_at: Time
    """When it was measured."""


class TerminationMessage(Document):
    """The last words of a workload's container, so that its result survives an outage of the API server."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = 1
    """Number of this document's format."""
    reason: ShortText
    """One of ``tts_api.reasons``, or Finished or Interrupted."""
    message: Annotated[str, StringConstraints(max_length=2048)] = ""
    """What happened, for the user: field, value, remedy."""
    step: Annotated[int, Field(ge=0)] = 0
    """Steps done."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint."""
    result: TrainingResult | None = None
    """What the training left, if it finished."""
