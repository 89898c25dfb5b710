"""What a pod reports: its progress, its results, its exit code and its termination message.

``tts_workloads`` sends these documents, and ``tts_operator`` reads them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tts_api.base import Document, Sha256

PROGRESS_FIELD_MANAGER = "tts-workload"
"""Field manager of the server-side apply by which a pod writes its part of the status."""

TERMINATION_MESSAGE_LIMIT_BYTES = 4096
"""Size at which Kubernetes cuts off a container's termination message."""

TERMINATION_MESSAGE_PATH = "/dev/termination-log"

ShortText = Annotated[str, StringConstraints(max_length=64)]
Time = Annotated[str, StringConstraints(max_length=40), Field(json_schema_extra={"format": "date-time"})]
Remark = Annotated[str, StringConstraints(max_length=256)]
FilePath = Annotated[str, StringConstraints(max_length=1024)]


class ExitCode(IntEnum):
    """Exit code of a workload's process. Any other code is a failure that counts against ``backoffLimit``."""

    FINISHED = 0
    """The artifact is written and its digest reported."""
    BAD_INPUT = 64
    """The request or the data is wrong, and another attempt would not help (EX_USAGE of sysexits.h)."""
    INTERRUPTED = 75
    """A checkpoint is saved and another pod can continue; this is not a failure (EX_TEMPFAIL of sysexits.h)."""


class Checkpoint(Document):
    """A checkpoint from which the training resumes."""

    step: Annotated[int, Field(ge=0)]
    """Steps done when the checkpoint was saved, over all stages."""
    path: FilePath
    """The file, relative to the root of the checkpoint volume."""
    sha256: Sha256
    """Digest of the file."""
    saved_at: Time
    """Time at which the checkpoint was saved."""


class Artifact(Document):
    """The finished voice: one TorchScript file."""

    path: FilePath
    """The file, relative to the root of the checkpoint volume; its name contains its digest."""
    sha256: Sha256
    """Digest of the file."""
    size_bytes: Annotated[int, Field(ge=0)]
    """Size of the file in bytes."""
    sample_rate: Annotated[int, Field(ge=1)]
    """Samples per second of the speech that the voice makes."""
    languages: Annotated[
        tuple[ShortText, ...], Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ]
    """Languages that the voice speaks."""
    speakers: Annotated[
        tuple[ShortText, ...], Field(max_length=1024, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ]
    """Speakers of the voice, by the names that a request uses as its voice."""


class Evaluation(Document):
    """Measures of the voice on clips that it was not trained on."""

    clips: Annotated[int, Field(ge=0)]
    """Held-out clips that were measured."""
    mel_loss: float | None = None
    """Mean absolute error of the mel bands that the acoustic model predicts, in nepers. Compare it only between voices
    whose vocoders need the same kind of frames."""
    mel_cepstral_distortion: float | None = None
    """Mel-cepstral distortion after alignment in time, in decibels; lower is better."""
    pitch_error_cents: float | None = None
    """Root mean square error of the pitch where voice and recording are both voiced, in hundredths of a semitone; lower
    is better."""
    voicing_error: float | None = None
    """Share of the frames where only one of voice and recording is voiced, 0 to 1; lower is better."""
    duration_error_milliseconds: float | None = None
    """Mean absolute error of a symbol's duration, in milliseconds; lower is better."""
    pitch_spread: float | None = None
    """Standard deviation of the logarithm of the voice's pitch, divided by that of the recordings: 1 is as lively as
    the speaker, below 0.9 is flat."""
    duration_spread: float | None = None
    """Standard deviation of the logarithm of the durations of the voice's symbols, divided by that of the recordings: 1
    is as varied as the speaker, below 0.9 is monotonous."""
    real_time_factor: float | None = None
    """Seconds of computing for each second of speech, on the device that trained; lower is faster."""
    listened_clips: Annotated[int, Field(ge=0)] | None = None
    """Held-out clips that the measures below were taken on. Absent, like these measures, unless the image has the extra
    quality."""
    word_error_rate: float | None = None
    """Word error rate of a speech recogniser (Whisper tiny.en) on the voice; lower is better."""
    recorded_word_error_rate: float | None = None
    """Word error rate of the recogniser on the recordings: the best that a voice could reach."""
    character_error_rate: float | None = None
    """Character error rate of the recogniser on the voice; lower is better."""
    recorded_character_error_rate: float | None = None
    """Character error rate of the recogniser on the recordings."""
    opinion_score: float | None = None
    """Mean opinion score of the voice, 1 (bad) to 5 (excellent), as a network (DistillMOS) estimates it."""
    recorded_opinion_score: float | None = None
    """Mean opinion score of the recordings, as the same network estimates it."""
    copied_opinion_score: float | None = None
    """Mean opinion score of copy synthesis, which is the vocoder's sound from the recordings' own frames. Its distance
    from that of the recordings is what the vocoder alone costs."""
    speaker_similarity: float | None = None
    """Cosine of the voice and of other recordings of its speaker as a network that tells speakers apart (GE2E) embeds
    them; higher is better."""
    recorded_speaker_similarity: float | None = None
    """Cosine of a recording and of other recordings of its speaker: the best that a voice could reach."""


class TrainingResult(Document):
    """The result of a finished training."""

    artifact: Artifact
    """The finished voice."""
    evaluation: Evaluation | None = None
    """Measures of the voice on held-out clips."""


class ProgressDisplay(Document):
    """The progress as the columns of kubectl show it. It is stored because a column can only show a stored value."""

    percent: ShortText = ""
    """Share of the steps done or of the budget spent, such as 42%."""
    step: ShortText = ""
    """Steps done of all steps, such as 84000/200000; with a budget the steps done alone."""
    loss: ShortText = ""
    """Training loss, such as 0.3127."""
    eta: ShortText = ""
    """Remaining time, such as 3h4m: with steps at the measured speed of each stage, with a budget what is left of
    it."""


class GpuUsage(Document):
    """What a GPU reports about itself."""

    utilization_percent: Annotated[int, Field(ge=0, le=100)]
    """Share of the last sampling period in which the GPU computed anything, in percent."""
    memory_used_bytes: Annotated[int, Field(ge=0)]
    """Memory in use on the GPU by all processes, in bytes."""
    memory_total_bytes: Annotated[int, Field(ge=0)]
    """Memory of the GPU, in bytes."""
    temperature_celsius: int
    """Temperature of the core, in degrees Celsius."""


TrainingStage = Literal["Preparing", "Acoustic", "Vocoder", "Exporting", "Finished"]
"""What a training is doing."""


class TrainingSettings(Document):
    """What a training trains with: the values of the spec, and where it is silent, what suits corpus and device."""

    device: ShortText
    """cpu, or the name of the GPU of the process of rank 0."""
    precision: ShortText
    """Number format of the forward pass: bf16, fp16 or fp32."""
    threads: Annotated[int, Field(ge=1)]
    """Threads of each process that compute on the CPU."""
    batch_seconds: float
    """Seconds of speech in one batch of each process."""
    acoustic_parameters: Annotated[dict[str, float], Field(max_length=64)] = Field(default_factory=dict)
    """Parameters of the acoustic model."""
    vocoder_parameters: Annotated[dict[str, float], Field(max_length=64)] = Field(default_factory=dict)
    """Parameters of the vocoder."""


class TrainingProgress(Document):
    """How far a training is. The pod of rank 0 applies the whole of it, under the field manager tts-workload."""

    stage: TrainingStage = "Preparing"
    """What the training is doing: reading the corpus (Preparing), training a model (Acoustic, Vocoder), writing the
    voice (Exporting), or nothing any more (Finished)."""
    step: Annotated[int, Field(ge=0)] = 0
    """Steps done, over all stages."""
    total_steps: Annotated[int, Field(ge=0)] = 0
    """Steps to do, over all stages; 0 where a budget decides."""
    budget_seconds: Annotated[int, Field(ge=0)] | None = None
    """Seconds of training.budget; absent where steps are given."""
    spent_seconds: Annotated[int, Field(ge=0)] | None = None
    """Seconds of the budget that are spent, over all attempts."""
    epoch: Annotated[int, Field(ge=0)] = 0
    """Complete passes over the corpus in this stage."""
    loss: float | None = None
    """Training loss of this stage, as a moving mean."""
    validation_loss: float | None = None
    """Loss on the held-out clips at the last validation in this stage."""
    learning_rate: float | None = None
    """Learning rate of the last step."""
    audio_seconds_per_second: float | None = None
    """Seconds of speech that all processes together train on in a second."""
    started_at: Time | None = None
    """Time at which this pod began to train."""
    updated_at: Time
    """Time of this report."""
    last_step_at: Time | None = None
    """Time of the last step. The operator recognises a stalled training by it."""
    display: ProgressDisplay = Field(default_factory=ProgressDisplay)
    """The progress as the columns of kubectl show it."""
    settings: TrainingSettings | None = None
    """What the training trains with; absent until the corpus has been read."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint."""
    gpu: GpuUsage | None = None
    """The GPU of the process of rank 0; absent without one."""
    warnings: Annotated[
        tuple[Remark, ...], Field(max_length=4, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Problems that do not stop the training, at most 4."""
    result: TrainingResult | None = None
    """The result; absent until the training has finished."""


class ServicePerformance(Document):
    """What a service pod measured of its own speed while it warmed up, applied under the field manager tts-workload."""

    sha256: Sha256
    """Digest of the voice that was measured."""
    real_time_factor: Annotated[float, Field(ge=0)]
    """Seconds of computing for each second of speech."""
    time_to_first_audio_milliseconds: Annotated[float, Field(ge=0)]
    """Milliseconds from a request to its first audio."""
    updated_at: Time
    """Time of the measurement."""


class TerminationMessage(Document):
    """The termination message of a workload's container. With it the result survives an outage of the API server."""

    schema_: Annotated[int, Field(alias="schema", ge=1)] = 1
    """Number of this document's format."""
    reason: ShortText
    """One of ``tts_api.reasons``, or Finished or Interrupted."""
    message: Annotated[str, StringConstraints(max_length=2048)] = ""
    """What happened, as a sentence for the user with field, value and remedy."""
    step: Annotated[int, Field(ge=0)] = 0
    """Steps done, over all stages."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint."""
    result: TrainingResult | None = None
    """The result; absent unless the training has finished."""
