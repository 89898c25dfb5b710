"""Makes the run document of a training or a service from its spec, for a pod and for a run without a cluster.

What differs between the two is passed in: the folder that is written to, the other trainings' voices, the resource to
report to. The fields of the documents are in ``tts_api.run``.
"""

from __future__ import annotations

from tts_api.resources.service import TTSServiceSpec
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import (
    ResourceReference,
    RunDataset,
    RunSources,
    RunVoice,
    ServiceRun,
    Topology,
    TrainingRun,
)


def run_dataset(spec: TTSTrainingSpec) -> RunDataset:
    """How a training finds and reads its corpus."""
    dataset = spec.dataset
    return RunDataset(
        format=dataset.format,
        path=dataset.source.persistent_volume_claim.path,
        language=dataset.language,
        audio=dataset.audio,
        max_invalid_clips=dataset.max_invalid_clips,
    )


def training_run(
    spec: TTSTrainingSpec,
    *,
    output: str,
    sources: RunSources,
    topology: Topology,
    resource: ResourceReference | None = None,
) -> TrainingRun:
    """The document that tells what to train.

    Raises pydantic.ValidationError where ``sources`` lacks a voice that the spec names.
    """
    return TrainingRun(
        resource=resource,
        output=output,
        dataset=run_dataset(spec),
        model=spec.model.named(),
        sources=sources,
        training=spec.training,
        topology=topology,
    )


def service_run(spec: TTSServiceSpec, voice: RunVoice, *, resource: ResourceReference | None = None) -> ServiceRun:
    """The document that tells what to serve."""
    return ServiceRun(
        resource=resource,
        voice=voice,
        limits=spec.limits,
        batching=spec.batching,
        api_keys=spec.api_keys is not None,
        max_concurrent_requests_per_key=spec.api_keys.max_concurrent_requests if spec.api_keys else None,
    )
