"""TTSTraining: the spec that a speech team writes and the status that it reads.

The parts of the status that the pod reports, progress and results, are in ``tts_api.report``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tts_api.architectures import ACOUSTIC_MODELS, FASTSPEECH2, VOCODERS, VOCOS, WORLD, FrameKind
from tts_api.base import Document, ExtendedResource, Image, Name, Quantity, RelativePath, cel_rules, rule
from tts_api.choices import DatasetFormat, Language, OneOf
from tts_api.report import Artifact, Checkpoint, Evaluation, TrainingProgress
from tts_api.resources.conditions import Conditions, ReasonWord
from tts_api.resources.metadata import Metadata
from tts_api.resources.parameters import ParameterMap, describe_parameters, within_bounds
from tts_api.resources.pods import PodTemplate
from tts_api.resources.references import FromTraining
from tts_api.resources.training_options import TrainingOptions

AcousticArchitecture = Annotated[str, OneOf(ACOUSTIC_MODELS)]
VocoderArchitecture = Annotated[str, OneOf(VOCODERS)]
AcousticParameters = Annotated[ParameterMap, Field(json_schema_extra=describe_parameters(ACOUSTIC_MODELS))]
VocoderParameters = Annotated[ParameterMap, Field(json_schema_extra=describe_parameters(VOCODERS))]


class ClaimSource(Document):
    """A folder on a PersistentVolumeClaim of the resource's namespace."""

    claim_name: Name
    """The claim's name."""
    path: RelativePath = ""
    """The folder, relative to the root of the volume. No part of it may begin with a dot. Empty means the root."""


class DatasetSource(Document):
    """The place of the corpus. Exactly one member is given."""

    persistent_volume_claim: ClaimSource
    """A folder on a PersistentVolumeClaim. It is mounted read-only."""


EVEN_WINDOW = "nFFT must be even"
OVERLAPPING_FRAMES = "hopLength must be at most half of nFFT, or frames do not overlap"


class AudioFeatures(Document):
    """How audio becomes mel features. The voice contains these values, and a vocoder works only with the features that
    it was trained on."""

    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 22050
    """Samples per second of the voice, 8000 to 48000. The corpus is resampled to this rate."""
    n_fft: Annotated[
        int, Field(alias="nFFT", ge=256, le=4096, json_schema_extra=cel_rules(rule("self % 2 == 0", EVEN_WINDOW)))
    ] = 1024
    """Length of the analysis window in samples, 256 to 4096, even."""
    hop_length: Annotated[int, Field(ge=64, le=1024)] = 256
    """Samples between two frames, 64 to 1024, at most half of nFFT."""
    n_mels: Annotated[int, Field(ge=40, le=128)] = 80
    """Mel bands of a frame, 40 to 128. The narrowest band must contain at least one line of the spectrum."""

    # The API server enforces both by CEL rules, here and on Dataset.audio.
    @field_validator("n_fft")
    @classmethod
    def _window_is_even(cls, n_fft: int) -> int:
        if n_fft % 2:
            raise ValueError(EVEN_WINDOW)
        return n_fft

    @model_validator(mode="after")
    def _frames_overlap(self) -> Self:
        if self.hop_length * 2 > self.n_fft:
            raise ValueError(f"{OVERLAPPING_FRAMES} (hopLength is {self.hop_length}, nFFT {self.n_fft})")
        return self


class Dataset(Document):
    """The corpus, and how it is read."""

    format: DatasetFormat
    """Layout of the corpus: ljspeech (metadata.csv and wavs/) or manifest (manifest.jsonl, a line per clip)."""
    source: DatasetSource
    """The place of the corpus."""
    language: Language = "en-us"
    """Language of the transcripts. It decides which front end turns text into phonemes."""
    max_invalid_clips: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Most clips that may be left out because something is wrong with them, 0 to 1000000. With more bad clips the
    training refuses the corpus. The report names each of them."""
    audio: Annotated[
        AudioFeatures,
        Field(
            json_schema_extra=cel_rules(
                rule("self.hopLength * 2 <= self.nFFT", OVERLAPPING_FRAMES, field_path=".hopLength"),
            )
        ),
    ] = Field(default_factory=AudioFeatures)
    """How audio becomes mel features."""


class AcousticModel(Document):
    """The model that turns phonemes into the frames that the vocoder needs."""

    architecture: AcousticArchitecture | None = None
    """Name of the architecture. Absent means fastspeech2, or with fromTraining the architecture of the other
    training."""
    parameters: AcousticParameters = Field(default_factory=dict)
    """The architecture's parameters, each a number; what is left out has its default, or with fromTraining the other
    training's value."""
    from_training: FromTraining | None = None
    """The training whose acoustic model this one starts from, with its speakers and its front end. The model is trained
    further for training.maxSteps steps, or used as it is where that is 0. A speaker with a name that the model knows is
    the same speaker; others are added. Absent means that the model is trained from scratch."""

    @property
    def name(self) -> str:
        """The architecture, the default where none is given."""
        return self.architecture or FASTSPEECH2.name


class Vocoder(Document):
    """The model that turns frames into audio."""

    architecture: VocoderArchitecture | None = None
    """Name of the architecture. world has nothing to train, so that all of the time goes to the acoustic model: the
    choice for minutes of speech and for CPUs. vocos and hifigan are for hours of speech on a GPU, and ddsp is in
    between. griffinlim needs no training either and sounds rougher. Absent means world, or with fromTraining the
    architecture of the other training."""
    parameters: VocoderParameters = Field(default_factory=dict)
    """The architecture's parameters, each a number; what is left out has its default, or with fromTraining the other
    training's value."""
    from_training: FromTraining | None = None
    """The training whose vocoder this one starts from. The vocoder is trained further for training.vocoderMaxSteps
    steps, or used as it is where that is 0. Absent means that the vocoder is trained from scratch."""

    @property
    def name(self) -> str:
        """The architecture. Run documents and cards name it, except those of version 0.1.0, where none means vocos."""
        return self.architecture or VOCOS.name

    @property
    def frames(self) -> FrameKind:
        """The kind of frames that it turns into sound. What starts from another training has to be resolved before."""
        return VOCODERS[self.name].frames

    @property
    def has_weights(self) -> bool:
        """Whether the vocoder has weights to train. One that starts from another training has, whatever its
        architecture is."""
        return self.from_training is not None or VOCODERS[self.name].trained


class Model(Document):
    """The models of the voice."""

    acoustic: Annotated[
        AcousticModel, Field(json_schema_extra=within_bounds(ACOUSTIC_MODELS, default=FASTSPEECH2.name))
    ] = Field(default_factory=AcousticModel)
    """The acoustic model, which turns phonemes into frames."""
    vocoder: Annotated[Vocoder, Field(json_schema_extra=within_bounds(VOCODERS, default=WORLD.name))] = Field(
        default_factory=Vocoder
    )
    """The vocoder, which turns frames into audio."""

    def named(self) -> Model:
        """The same models with the default vocoder written out where a manifest names none."""
        if self.vocoder.architecture is not None or self.vocoder.from_training is not None:
            return self
        return self.model_copy(update={"vocoder": self.vocoder.model_copy(update={"architecture": WORLD.name})})


NO_LENGTH = "training needs a length: set training.budget, such as 45m, or training.maxSteps"
TWO_LENGTHS = (
    "training.budget goes without numbers of steps: leave training.maxSteps and training.vocoderMaxSteps out, or leave "
    "training.budget out; 0 steps beside a budget uses the model of fromTraining as it is"
)
NOTHING_TO_TRAIN = "training.budget has no model to train: leave it out, or leave out the 0 of a model's steps"


def wrong_length(model: Model, training: TrainingOptions) -> str:
    """The complaint about a budget or numbers of steps that do not go together; empty if there is none."""
    if training.budget is None:
        return NO_LENGTH if training.max_steps is None else ""
    if training.max_steps or training.vocoder_max_steps:
        return TWO_LENGTHS
    trains_vocoder = model.vocoder.has_weights and training.vocoder_steps is None
    return "" if trains_vocoder or training.acoustic_steps is None else NOTHING_TO_TRAIN


def missing_weights(model: Model, training: TrainingOptions) -> str:
    """The complaint about a model that has neither steps nor another training to start from; empty if there is none."""
    if training.max_steps == 0 and model.acoustic.from_training is None:
        return "training.maxSteps is 0, and there is no model.acoustic.fromTraining to take a model from"
    if model.vocoder.has_weights and training.vocoder_steps == 0 and model.vocoder.from_training is None:
        return "the vocoder has no steps, and there is no model.vocoder.fromTraining to take one from"
    return ""


class TrainingResources(Document):
    """The pods and their resources: ``nodes`` pods, each with one process for each of its GPUs."""

    nodes: Annotated[int, Field(ge=1, le=256)] = 1
    """Pods that train together, 1 to 256. The cluster should have as many nodes for them."""
    gpus_per_node: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs of each pod, 0 to 64; 0 trains on the CPU in one process."""
    gpu_resource: ExtendedResource = "nvidia.com/gpu"
    """Name of the extended resource by which the cluster counts GPUs."""
    cpu: Quantity = "4"
    """CPU request of each pod; no limit is set."""
    memory: Quantity = "16Gi"
    """Memory request and limit of each pod."""
    shared_memory: Quantity = "1Gi"
    """Size of /dev/shm, through which the processes of a pod exchange tensors. It counts towards memory."""


class NewClaim(Document):
    """An existing claim, or a claim that the operator makes for this training. With claimName the other members are
    ignored."""

    claim_name: Name | None = None
    """Name of an existing claim. Several trainings may share it: each writes to a folder of its own."""
    size: Quantity = "20Gi"
    """Size of the claim to make."""
    storage_class_name: Name | None = None
    """StorageClass of the claim to make; absent means the cluster's default."""
    access_modes: Annotated[
        tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
        Field(min_length=1, max_length=3, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = ("ReadWriteOnce",)
    """Access modes of the claim to make. Pods on several nodes need ReadWriteMany."""


class Storage(Document):
    """Where checkpoints and the finished voice are kept."""

    persistent_volume_claim: NewClaim = Field(default_factory=NewClaim)
    """The claim that they are written to."""
    when_deleted: Literal["Retain", "Delete"] = "Retain"
    """What happens to a claim that the operator made when the training is deleted: Retain keeps the claim, Delete
    deletes it."""


class RunPolicy(Document):
    """When the training runs, and when it is given up. Only this part of the spec can be changed."""

    suspend: bool = False
    """True stops the pods after they saved a checkpoint, and keeps the training. False runs it, from its newest
    checkpoint if there is one."""
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """Failures after which the training is given up, 0 to 100. An interruption that saved a checkpoint does
    not count."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds that the training may run in total before it is stopped as failed; absent means no limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """Seconds after which the pods of a finished training are deleted; absent keeps them. The resource itself stays."""
    stall_timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """Seconds without a new step after which the training is reported as stalled, 10 to 86400."""


class TTSTrainingSpec(Document):
    """The voice to train. Everything except runPolicy is immutable."""

    image: Image | None = None
    """The workload image. Absent means the operator's default, which status.image then shows."""
    dataset: Dataset
    """The corpus."""
    model: Model = Field(default_factory=Model)
    """The models of the voice."""
    training: TrainingOptions
    """How the models are trained."""
    resources: TrainingResources = Field(default_factory=TrainingResources)
    """The pods and their resources."""
    storage: Storage = Field(default_factory=Storage)
    """Where checkpoints and the finished voice are kept."""
    run_policy: RunPolicy = Field(default_factory=RunPolicy)
    """When the training runs, and when it is given up."""
    template: PodTemplate = Field(default_factory=PodTemplate)
    """Where the pods may run, and what they get in addition."""

    @model_validator(mode="after")
    def _each_model_has_weights_from_somewhere(self) -> Self:
        model = self.model.named()
        if problem := wrong_length(model, self.training) or missing_weights(model, self.training):
            raise ValueError(problem)
        return self


class VoiceArtifact(Artifact):
    """The finished voice, and where it is stored."""

    claim_name: Name
    """Name of the claim that holds the file."""


Phase = Literal["Pending", "Queued", "Running", "Suspended", "Complete", "Failed"]


class TTSTrainingStatus(Document):
    """The observed state. The operator writes all of it except progress, which the training pod writes."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status was derived from."""
    phase: Phase | None = None
    """Summary of the conditions in one word. Within one attempt it goes forward only: Queued, Pending, Running, and
    Complete or Failed. It goes back to Pending for a new attempt and to Suspended or Queued when the training is
    stopped; reason then says why."""
    reason: ReasonWord | None = None
    """Why the training is in this phase, as one word: the reason of the condition that explains the phase."""
    conditions: Conditions = ()
    """The conditions Accepted, Scheduled, Progressing, Suspended, Complete and Failed."""
    image: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The image of the pods, resolved when they were first made. A newer operator does not change it."""
    gpus: Annotated[int, Field(ge=0)] | None = None
    """GPUs of all pods together: those that spec.resources requests, or 0 from the time when a pod reports that it
    computes on the CPU."""
    progress: TrainingProgress | None = None
    """How far the training is. The training pod writes the whole of it."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint that the pod reported."""
    evaluation: Evaluation | None = None
    """Measures of the finished voice on held-out clips."""
    artifact: VoiceArtifact | None = None
    """The finished voice."""


class TTSTraining(Document):
    """A voice to train. The operator runs pods that train it and write it as one TorchScript file."""

    metadata: Metadata
    spec: TTSTrainingSpec
    status: TTSTrainingStatus = Field(default_factory=TTSTrainingStatus)


IMMUTABLE_SPEC_FIELDS = tuple(name for name in TTSTrainingSpec.model_fields if name != "run_policy")
"""Fields of the spec that cannot be changed after the training was created."""
