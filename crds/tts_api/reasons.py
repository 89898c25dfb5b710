"""The list of all conditions and all reasons, each reason with its meaning and its remedy.

The operator, the pods and the API reference read this list. A reason that is not in it cannot be reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    """Aspects of a resource's state. Once a resource has the condition Accepted, it has all conditions of its kind."""

    ACCEPTED = "Accepted"
    """The spec is valid, and the names of the objects that it needs are free."""
    SCHEDULED = "Scheduled"
    """Training: every pod has a node."""
    PROGRESSING = "Progressing"
    """Training: steps are being done. Service: pods are being replaced or added."""
    SUSPENDED = "Suspended"
    """Training: it is stopped by runPolicy.suspend or by a queue."""
    COMPLETE = "Complete"
    """Training: the voice is written."""
    FAILED = "Failed"
    """Training: it is given up."""
    MODEL_READY = "ModelReady"
    """Service: the voice exists and has the right digest."""
    AVAILABLE = "Available"
    """Service: enough pods are ready to speak."""


TRAINING_CONDITIONS = (
    ConditionType.ACCEPTED,
    ConditionType.SCHEDULED,
    ConditionType.PROGRESSING,
    ConditionType.SUSPENDED,
    ConditionType.COMPLETE,
    ConditionType.FAILED,
)
SERVICE_CONDITIONS = (
    ConditionType.ACCEPTED,
    ConditionType.MODEL_READY,
    ConditionType.AVAILABLE,
    ConditionType.PROGRESSING,
)


class Reason(StrEnum):
    """A reason, as one word for programs. ``REASONS`` has its meaning and its remedy."""

    # Nothing is wrong.
    ACCEPTED = "Accepted"
    PENDING = "Pending"
    QUEUED = "Queued"
    SCHEDULED = "Scheduled"
    STARTING = "Starting"
    PREPARING = "Preparing"
    RUNNING = "Running"
    RESUMED = "Resumed"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"
    NOT_COMPLETE = "NotComplete"
    NOT_FAILED = "NotFailed"
    COMPLETED = "Completed"
    FINISHED = "Finished"
    INTERRUPTED = "Interrupted"
    MODEL_FOUND = "ModelFound"
    AVAILABLE = "Available"
    UNAVAILABLE = "Unavailable"
    ROLLING_OUT = "RollingOut"
    ROLLED_OUT = "RolledOut"
    SCALED_TO_ZERO = "ScaledToZero"
    # The request is wrong.
    INVALID_SPEC = "InvalidSpec"
    INVALID_PARAMETERS = "InvalidParameters"
    NAME_CONFLICT = "NameConflict"
    REFUSED = "Refused"
    CLAIM_MISSING = "ClaimMissing"
    CLAIM_UNBOUND = "ClaimUnbound"
    INVALID_DATASET = "InvalidDataset"
    INVALID_RUN = "InvalidRun"
    # The cluster cannot run it.
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    PREEMPTED = "Preempted"
    STORAGE_FULL = "StorageFull"
    # The training failed.
    STALLED = "Stalled"
    DIVERGED = "Diverged"
    NO_PROGRESS = "NoProgress"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    BACKOFF_LIMIT_EXCEEDED = "BackoffLimitExceeded"
    CHECKPOINT_MISMATCH = "CheckpointMismatch"
    RESULT_MISSING = "ResultMissing"
    WORKLOAD_FAILED = "WorkloadFailed"
    # The voice cannot be served, or trained further.
    MODEL_MISSING = "ModelMissing"
    TRAINING_NOT_COMPLETE = "TrainingNotComplete"
    TRAINING_FAILED = "TrainingFailed"
    DIGEST_MISMATCH = "DigestMismatch"
    UNSUPPORTED_VOICE = "UnsupportedVoice"
    CRASH_LOOP = "CrashLoop"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"


@dataclass(frozen=True)
class Explanation:
    """What a reason means, and what the user can do about it. Without a remedy there is nothing to do."""

    meaning: str
    remedy: str = ""


REASONS: dict[Reason, Explanation] = {
    Reason.ACCEPTED: Explanation("The spec is valid and the operator works on it."),
    Reason.PENDING: Explanation("The pods are not made or not placed yet."),
    Reason.QUEUED: Explanation("A queue holds the Job back until there is quota."),
    Reason.SCHEDULED: Explanation("Every pod has a node."),
    Reason.STARTING: Explanation("The pods have a node and their containers are starting."),
    Reason.PREPARING: Explanation("The pods run and read the corpus; no step is done yet."),
    Reason.RUNNING: Explanation("Steps are being done."),
    Reason.RESUMED: Explanation("The training goes on from a checkpoint."),
    Reason.SUSPENDED: Explanation(
        "The training is stopped and keeps its checkpoint.", "Set runPolicy.suspend to false to go on."
    ),
    Reason.NOT_SUSPENDED: Explanation("The training is not stopped."),
    Reason.NOT_COMPLETE: Explanation("The voice is not written yet."),
    Reason.NOT_FAILED: Explanation("The training is not given up."),
    Reason.COMPLETED: Explanation("The voice is written and its digest is known."),
    Reason.FINISHED: Explanation("The training ended; there is nothing left to do."),
    Reason.INTERRUPTED: Explanation("The pod was stopped after it saved a checkpoint; another one goes on from there."),
    Reason.MODEL_FOUND: Explanation("The voice that is to be served is known."),
    Reason.AVAILABLE: Explanation("Enough pods speak."),
    Reason.UNAVAILABLE: Explanation(
        "Pods that spoke do not any more, or more pods are asked for.",
        "Wait for the pods; the log of one that stays unready says why.",
    ),
    Reason.ROLLING_OUT: Explanation("Pods are being added or replaced."),
    Reason.ROLLED_OUT: Explanation("Every pod runs what the spec asks for."),
    Reason.SCALED_TO_ZERO: Explanation("No pod is asked for.", "Scale the service up to speak."),
    Reason.INVALID_SPEC: Explanation(
        "The stored spec does not fit this version of the API.", "Correct the field that the message names."
    ),
    Reason.INVALID_PARAMETERS: Explanation(
        "The architecture does not take these parameters, or the voice that a model starts from has others.",
        "Create the training again with the field corrected that the message names.",
    ),
    Reason.NAME_CONFLICT: Explanation(
        "An object that the operator needs exists and belongs to somebody else; it was not touched.",
        "Rename the resource, or delete or rename the object that the message names.",
    ),
    Reason.REFUSED: Explanation(
        "The API server refused an object that the operator needs, by quota or by policy.",
        "Ask for less, or have the quota or policy changed; the operator tries again by itself.",
    ),
    Reason.CLAIM_MISSING: Explanation(
        "A PersistentVolumeClaim that the spec names does not exist.",
        "Create the claim; the pods start by themselves then.",
    ),
    Reason.CLAIM_UNBOUND: Explanation(
        "A PersistentVolumeClaim has no volume yet.",
        "If it stays so, `kubectl describe pvc` says why: a storage class that does not exist, or no volume that fits.",
    ),
    Reason.INVALID_DATASET: Explanation(
        "The corpus cannot be read as the format that the spec names.",
        "Correct the lines or files that the message and report/problems.txt name, and create the training again.",
    ),
    Reason.INVALID_RUN: Explanation(
        "The pod does not understand its run document.",
        "Use a workload image of the operator's own version, or leave spec.image out.",
    ),
    Reason.UNSCHEDULABLE: Explanation(
        "No node fits the pods.", "Ask for less in spec.resources, change spec.template, or add nodes."
    ),
    Reason.IMAGE_PULL_FAILED: Explanation(
        "The image cannot be pulled.", "Correct spec.image, or name a pull secret in spec.template.imagePullSecrets."
    ),
    Reason.OUT_OF_MEMORY: Explanation(
        "A container used more memory than spec.resources.memory.", "Raise the memory or lower training.batchSeconds."
    ),
    Reason.PREEMPTED: Explanation(
        "A pod was removed, for another pod or because of its node; it goes on from its checkpoint elsewhere."
    ),
    Reason.STORAGE_FULL: Explanation(
        "The checkpoint volume is full.",
        "Give it more space or lower training.keepCheckpoints; the training goes on from the last checkpoint.",
    ),
    Reason.STALLED: Explanation(
        "The pods run, but no step was done for runPolicy.stallTimeoutSeconds.",
        "Look at the node and its GPU; delete the pod to have it go on from its checkpoint elsewhere.",
    ),
    Reason.DIVERGED: Explanation(
        "The loss is not a number any more.",
        "Create the training again with a lower learningRate or with precision fp32.",
    ),
    Reason.NO_PROGRESS: Explanation(
        "The training was interrupted three times without a new checkpoint in between.",
        "Lower training.checkpointEverySteps, or find what interrupts the pods.",
    ),
    Reason.DEADLINE_EXCEEDED: Explanation(
        "The training ran longer than runPolicy.activeDeadlineSeconds.",
        "Create it again with a longer deadline or fewer steps.",
    ),
    Reason.BACKOFF_LIMIT_EXCEEDED: Explanation(
        "The pods failed more often than runPolicy.backoffLimit allows.", "The message says how the last one failed."
    ),
    Reason.CHECKPOINT_MISMATCH: Explanation(
        "The checkpoint folder holds checkpoints of another training, or of an image that writes another format.",
        "Name another claim, move the folder away, or go on with the image that wrote them.",
    ),
    Reason.RESULT_MISSING: Explanation(
        "The pods ended well, but left no result.", "Use a workload image of the operator's own version."
    ),
    Reason.WORKLOAD_FAILED: Explanation(
        "A container failed.", "The message says how; the next one goes on from the last checkpoint."
    ),
    Reason.MODEL_MISSING: Explanation(
        "The training or the file that a voice is to be taken from does not exist.",
        "Create it, or name another in spec.model.",
    ),
    Reason.TRAINING_NOT_COMPLETE: Explanation(
        "The training that a voice is to be taken from is not complete yet; this goes on by itself once it is."
    ),
    Reason.TRAINING_FAILED: Explanation(
        "The training that a voice is to be taken from failed and leaves none.",
        "Repeat the training, or name another in spec.model.",
    ),
    Reason.DIGEST_MISMATCH: Explanation(
        "The voice's file does not have the digest that was promised.",
        "Restore the file, or name another voice in spec.model.",
    ),
    Reason.UNSUPPORTED_VOICE: Explanation(
        "The voice needs a front end, a format, an architecture or an engine that this image does not have.",
        "Use the workload image that wrote it, or a newer one; for an imported voice, one with the extra onnx.",
    ),
    Reason.CRASH_LOOP: Explanation(
        "The service's container fails again and again.", "The message says how it failed last."
    ),
    Reason.PROGRESS_DEADLINE_EXCEEDED: Explanation(
        "The new pods of a service were not ready within rollout.progressDeadlineSeconds; older pods go on.",
        "Look at the log of a pod that is not ready; the rollout goes on by itself once its pods start.",
    ),
}
