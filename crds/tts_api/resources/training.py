"""TTSTraining: the spec a speech team writes and the status it reads. Progress and results: ``tts_api.report``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from tts_api.architectures import ACOUSTIC_MODELS, FASTSPEECH2, VOCODERS, VOCOS
from tts_api.base import Document, Image, Name, Quantity, RelativePath, rule, rules
from tts_api.choices import DatasetFormat, Language, OneOf
from tts_api.report import Artifact, Checkpoint, Evaluation, TrainingProgress
from tts_api.resources.conditions import Conditions
from tts_api.resources.metadata import Metadata
from tts_api.resources.parameters import ParameterMap, explained, within_bounds
from tts_api.resources.pods import PodTemplate
from tts_api.resources.references import FromTraining

AcousticArchitecture = Annotated[str, OneOf(ACOUSTIC_MODELS)]
VocoderArchitecture = Annotated[str, OneOf(VOCODERS)]
AcousticParameters = Annotated[ParameterMap, Field(json_schema_extra=explained(ACOUSTIC_MODELS))]
VocoderParameters = Annotated[ParameterMap, Field(json_schema_extra=explained(VOCODERS))]
Precision = Literal["auto", "bf16", "fp16", "fp32"]


class ClaimSource(Document):
    """A folder on a PersistentVolumeClaim of the resource's namespace."""

    claim_name: Name
    """The claim's name."""
    path: RelativePath = ""
    """The folder inside the volume, relative, without dots at the start of a part; empty is the volume's root."""


class DatasetSource(Document):
    """Where the corpus lies. Exactly one member is given."""

    persistent_volume_claim: ClaimSource
    """A folder on a claim; it is mounted read-only."""


EVEN_WINDOW = "nFFT must be even"
OVERLAPPING_FRAMES = "hopLength must be at most half of nFFT, or frames do not overlap"


class AudioFeatures(Document):
    """How sound becomes features. The values travel in the voice; a vocoder fits only the features it learned from."""

    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 22050
    """Samples per second of the voice, 8000 to 48000; the corpus is resampled to it."""
    n_fft: Annotated[int, Field(alias="nFFT", ge=256, le=4096)] = 1024
    """Length of the analysis window in samples, 256 to 4096, even."""
    hop_length: Annotated[int, Field(ge=64, le=1024)] = 256
    """Samples between two frames, 64 to 1024, at most half of nFFT."""
    n_mels: Annotated[int, Field(ge=40, le=128)] = 80
    """Mel bands of a frame, 40 to 128; the narrowest has to hold a line of the spectrum."""

    # The API server's rules for both are where a dataset names its audio.
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
    """The corpus and how it is read."""

    format: DatasetFormat
    """How the corpus is laid out: ljspeech (metadata.csv and wavs/) or manifest (manifest.jsonl, a line per clip)."""
    source: DatasetSource
    """Where the corpus lies."""
    language: Language = "en-us"
    """The language of the transcripts; it chooses the front end."""
    max_invalid_clips: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Clips that are left out where something is wrong with them, 0 to 1000000; with more the training refuses the
    corpus. Each is named in the report."""
    audio: Annotated[
        AudioFeatures,
        Field(
            json_schema_extra=rules(
                rule("self.nFFT % 2 == 0", EVEN_WINDOW),
                rule("self.hopLength * 2 <= self.nFFT", OVERLAPPING_FRAMES),
            )
        ),
    ] = Field(default_factory=AudioFeatures)
    """How sound becomes features."""


class AcousticModel(Document):
    """The model that turns phonemes into mel frames."""

    architecture: AcousticArchitecture | None = None
    """The architecture's name; absent means fastspeech2, or with fromTraining that of the other training."""
    parameters: Annotated[ParameterMap, Field(json_schema_extra=explained(ACOUSTIC_MODELS))] = Field(
        default_factory=dict
    )
    """The architecture's parameters, each a number; what is left out has its default, or with fromTraining the other
    training's value."""
    from_training: FromTraining | None = None
    """The training whose acoustic model this one starts from, speakers and front end included. It is trained further
    for training.maxSteps steps, or used as it is where they are 0. Speakers of the same name are the same; new ones
    are added. Absent means a model that is trained from nothing."""

    @property
    def name(self) -> str:
        """The architecture, the default where none is given."""
        return self.architecture or FASTSPEECH2.name


class Vocoder(Document):
    """The model that turns mel frames into sound."""

    architecture: VocoderArchitecture | None = None
    """The architecture's name: vocos and hifigan for hours of speech on a GPU, ddsp for minutes of speech or a CPU;
    griffinlim needs no training and sounds rougher. Absent means vocos, or with fromTraining that of the other
    training."""
    parameters: VocoderParameters = Field(default_factory=dict)
    """The architecture's parameters, each a number; what is left out has its default, or with fromTraining the other
    training's value."""
    from_training: FromTraining | None = None
    """The training whose vocoder this one starts from. It is trained further for training.vocoderMaxSteps steps, or
    used as it is where they are 0. Absent means a vocoder that is trained from nothing."""

    @property
    def name(self) -> str:
        """The architecture, the default where none is given."""
        return self.architecture or VOCOS.name


class Model(Document):
    """What is trained."""

    acoustic: Annotated[
        AcousticModel, Field(json_schema_extra=within_bounds(ACOUSTIC_MODELS, default=FASTSPEECH2.name))
    ] = Field(default_factory=AcousticModel)
    """The acoustic model: phonemes to mel frames."""
    vocoder: Annotated[Vocoder, Field(json_schema_extra=within_bounds(VOCODERS, default=VOCOS.name))] = Field(
        default_factory=Vocoder
    )
    """The vocoder: mel frames to sound."""


class Validation(Document):
    """How the voice is measured on clips that it is not trained on."""

    clips: Annotated[int, Field(ge=1, le=1000)] = 16
    """Clips held out of the corpus, 1 to 1000; at most a tenth of the corpus is taken."""
    every_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Steps between two measurements, 1 to 1000000."""


class EarlyStopping(Document):
    """When the training of a model ends before its last step: each model for itself, by its loss on held-out clips."""

    patience: Annotated[int, Field(ge=1, le=1000)]
    """Validations in a row without a lower loss after which the model is done, 1 to 1000."""
    min_delta: Annotated[float, Field(ge=0, le=100)] = 0
    """By how much a loss has to be lower to count, 0 to 100."""


class Augmentation(Document):
    """Random changes of what the models are trained on, never of what they are measured on; the same after a resume.
    For recordings that differ in loudness, tempo or noise where that should not matter."""

    gain_decibels: Annotated[float, Field(ge=0, le=20)] = 0
    """Every example is made louder or softer by up to so many decibels, 0 to 20."""
    speed: Annotated[float, Field(ge=0, le=0.5)] = 0
    """The acoustic model's examples are stretched or shortened by up to this share without a change of pitch, 0 to
    0.5."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0
    """Standard deviation of noise on the mel frames that the alignment and the vocoder read, in nepers, 0 to 1."""
    masked: Annotated[float, Field(ge=0, le=0.5)] = 0
    """Share of bands and of frames that is hidden from the alignment, at most, 0 to 0.5."""


class TrainingOptions(Document):
    """How the models are trained. The acoustic model is trained first, the vocoder after it."""

    max_steps: Annotated[int, Field(ge=0, le=10_000_000)]
    """Optimizer steps of the acoustic model, 1 to 10000000, or 0 where model.acoustic.fromTraining gives one that is
    used as it is."""
    vocoder_max_steps: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    """Optimizer steps of the vocoder, 1 to 10000000, or 0 where model.vocoder.fromTraining gives one that is used as it
    is; absent means as many as maxSteps. Refused for griffinlim."""
    batch_seconds: Annotated[float, Field(ge=1, le=10_000)] = 60
    """Seconds of speech in a batch of one process, 1 to 10000."""
    precision: Precision = "auto"
    """Number format of the forward pass: bf16, fp16 or fp32; auto takes bf16 where the device is faster
    in it (Ampere and later, CPUs with AMX, AMD's with AVX-512 BF16), else fp32."""
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 0.0015
    """Peak learning rate of AdamW, above 0, at most 0.1."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    """Seed of everything random: the same seed on the same hardware trains the same voice."""
    checkpoint_every_steps: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Steps between two checkpoints, 1 to 1000000: what a killed pod loses at most."""
    keep_checkpoints: Annotated[int, Field(ge=1, le=100)] = 3
    """Newest checkpoints kept, 1 to 100; of the older ones only those of the best validations are."""
    validation: Validation = Field(default_factory=Validation)
    """How the voice is measured on held-out clips."""
    augmentation: Augmentation = Field(default_factory=Augmentation)
    """Random changes of the examples; all off by default."""
    early_stopping: EarlyStopping | None = None
    """When to stop early; absent means never. With it the voice has the weights of the best validation, else the
    last."""

    @property
    def vocoder_steps(self) -> int:
        """Optimizer steps of a vocoder that is trained."""
        return self.max_steps if self.vocoder_max_steps is None else self.vocoder_max_steps


def missing_weights(model: Model, training: TrainingOptions) -> str:
    """Which model has neither steps nor another training to come from; empty where each has one of them."""
    if training.max_steps == 0 and model.acoustic.from_training is None:
        return "training.maxSteps is 0, and there is no model.acoustic.fromTraining to take a model from"
    trained = VOCODERS[model.vocoder.name].trained
    if trained and training.vocoder_steps == 0 and model.vocoder.from_training is None:
        return "the vocoder has no steps, and there is no model.vocoder.fromTraining to take one from"
    return ""


class TrainingResources(Document):
    """What the pods ask of the cluster: ``nodes`` pods, each with one process for each of its GPUs."""

    nodes: Annotated[int, Field(ge=1, le=256)] = 1
    """Pods that train together, 1 to 256; they should fit on as many nodes."""
    gpus_per_node: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs of each pod, 0 to 64; 0 trains on the CPU in one process."""
    gpu_resource: Annotated[str, StringConstraints(max_length=253, pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")] = (
        "nvidia.com/gpu"
    )
    """The extended resource by which the cluster counts GPUs."""
    cpu: Quantity = "4"
    """CPU request of each pod; no limit is set."""
    memory: Quantity = "16Gi"
    """Memory request and limit of each pod."""
    shared_memory: Quantity = "1Gi"
    """Size of /dev/shm, over which the processes of a pod exchange tensors; it counts towards memory."""


class NewClaim(Document):
    """A claim that the operator makes for this training, or one that exists. With claimName the rest is not read."""

    claim_name: Name | None = None
    """An existing claim; several trainings may share it, each writes to a folder of its own."""
    size: Quantity = "20Gi"
    """Size of the claim to make."""
    storage_class_name: Name | None = None
    """StorageClass of the claim to make; absent means the cluster's default."""
    access_modes: Annotated[
        tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
        Field(min_length=1, max_length=3, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = ("ReadWriteOnce",)
    """Access modes of the claim to make; pods on several nodes need ReadWriteMany."""


class Storage(Document):
    """Where checkpoints and the finished voice are kept."""

    persistent_volume_claim: NewClaim = Field(default_factory=NewClaim)
    """The claim they are written to."""
    when_deleted: Literal["Retain", "Delete"] = "Retain"
    """What becomes of a claim made for this training when it is deleted: Retain keeps it, Delete deletes it."""


class RunPolicy(Document):
    """When the training runs, and when it is given up. The only part of the spec that may be changed."""

    suspend: bool = False
    """True stops the pods (a checkpoint is saved first) and keeps the training; false lets it go on."""
    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """Failures after which the training is given up, 0 to 100; interruptions that saved a checkpoint do not count."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds the training may run in all before it is stopped as failed; absent means no limit."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """Seconds after which the pods of a finished training are deleted; absent keeps them. The resource itself stays."""
    stall_timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """Seconds without a new step after which the training is reported as stalled, 10 to 86400."""


class TTSTrainingSpec(Document):
    """The voice to train. All of it but runPolicy is immutable."""

    image: Image | None = None
    """The workload image; absent means the operator's default, which status.image then names."""
    dataset: Dataset
    """The corpus."""
    model: Model = Field(default_factory=Model)
    """The models to train."""
    training: TrainingOptions
    """How they are trained."""
    resources: TrainingResources = Field(default_factory=TrainingResources)
    """What the pods ask of the cluster."""
    storage: Storage = Field(default_factory=Storage)
    """Where checkpoints and the finished voice are kept."""
    run_policy: RunPolicy = Field(default_factory=RunPolicy)
    """When the training runs, and when it is given up."""
    template: PodTemplate = Field(default_factory=PodTemplate)
    """Where the pods may run and what they carry."""

    @model_validator(mode="after")
    def _each_model_has_weights_from_somewhere(self) -> Self:
        if problem := missing_weights(self.model, self.training):
            raise ValueError(problem)
        return self


class VoiceArtifact(Artifact):
    """The finished voice and where it lies."""

    claim_name: Name
    """The claim that holds it."""


Phase = Literal["Pending", "Queued", "Running", "Suspended", "Complete", "Failed"]


class TTSTrainingStatus(Document):
    """What became of it. Written by the operator, but for progress, which the training pod owns."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status was derived from."""
    phase: Phase | None = None
    """The conditions in one word."""
    conditions: Conditions = ()
    """Accepted, Scheduled, Progressing, Suspended, Complete and Failed."""
    image: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The image that was resolved when the pods were first made; a newer operator does not change it."""
    gpus: Annotated[int, Field(ge=0)] | None = None
    """GPUs of all pods together."""
    progress: TrainingProgress | None = None
    """How far the training is. Owned by the training pod, whole."""
    checkpoint: Checkpoint | None = None
    """The newest checkpoint that the pod reported."""
    evaluation: Evaluation | None = None
    """How good the finished voice is on held-out clips."""
    artifact: VoiceArtifact | None = None
    """The finished voice."""


class TTSTraining(Document):
    """A voice to train: becomes pods that leave one TorchScript artifact."""

    metadata: Metadata
    spec: TTSTrainingSpec
    status: TTSTrainingStatus = Field(default_factory=TTSTrainingStatus)


IMMUTABLE_SPEC_FIELDS = tuple(name for name in TTSTrainingSpec.model_fields if name != "run_policy")
"""Fields of the spec that may not change once the training was created."""
