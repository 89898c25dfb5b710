"""Which objects the operator watches, what it keeps of them, and which resources each concerns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tts_operator.engine.cache import Cache, Owner
from tts_operator.engine.objects import (
    CLAIM,
    DEPLOYMENT,
    JOB,
    POD,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Key,
    Kind,
    key_of,
)
from tts_operator.engine.watching import Watched
from tts_operator.pods import MANAGED_BY, SERVICE_LABEL, TRAINING_LABEL
from tts_operator.serving.manifests import HASH_ANNOTATION
from tts_operator.serving.observe import CONTROLLER as SERVICE_CONTROLLER
from tts_operator.serving.observe import TTS_SERVICE
from tts_operator.training.observe import CONTROLLER as TRAINING_CONTROLLER
from tts_operator.training.observe import TRAINING

Body = Mapping[str, Any]

REFERRED = "referred-training"
"""Index of resources by the trainings whose voices they take."""

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "ownerReferences",
)


def _slim(body: Body, *parts: str) -> dict[str, Any]:
    """The object without what is never decided on; managed fields alone are often half of it."""
    metadata = {key: body["metadata"][key] for key in _METADATA if key in body["metadata"]}
    applied = body["metadata"].get("annotations", {}).get(HASH_ANNOTATION)
    if applied:
        metadata["annotations"] = {HASH_ANNOTATION: applied}
    return {"metadata": metadata} | {part: body[part] for part in parts if part in body}


def _whole(body: Body) -> Body:
    return _slim(body, "spec", "status")


def _name(body: Body) -> Body:
    return _slim(body)


def _state(body: Body) -> Body:
    return _slim(body, "status")


def _job(body: Body) -> Body:
    return _slim(body, "status") | {"spec": {"suspend": body.get("spec", {}).get("suspend", False)}}


OURS = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
WATCHED = (
    Watched(TRAINING, "", _whole),
    Watched(TTS_SERVICE, "", _whole),
    Watched(JOB, OURS, _job),
    Watched(DEPLOYMENT, OURS, _whole),
    Watched(POD, OURS, _state),
    Watched(SERVICE, OURS, _name),
    Watched(CLAIM, OURS, _name),
    Watched(SERVICE_ACCOUNT, OURS, _name),
    Watched(ROLE_BINDING, OURS, _name),
)


CONTROLLERS = {TRAINING: TRAINING_CONTROLLER, TTS_SERVICE: SERVICE_CONTROLLER}
"""Who looks at a resource, by its kind."""
_REFERENCES: dict[Kind, tuple[tuple[str, ...], ...]] = {TRAINING: (("acoustic",), ("vocoder",)), TTS_SERVICE: ((),)}
"""Below which members of ``spec.model`` a resource names trainings."""


def _inside(body: Any, *path: str) -> Any:
    """A member deep in an object, which an older schema may have let pass in any shape; None where it is not there."""
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def owners(kind: Kind, body: Body) -> Iterator[Owner]:
    """The resources that an object concerns."""
    key = key_of(body)
    if kind in _REFERENCES:
        yield CONTROLLERS[kind], key
        names = {_inside(body, "spec", "model", *path, "fromTraining", "name") for path in _REFERENCES[kind]}
        yield from ((REFERRED, Key(key.namespace, name)) for name in names if isinstance(name, str))
        return
    labels = body["metadata"].get("labels", {})
    if TRAINING_LABEL in labels:
        yield TRAINING_CONTROLLER, Key(key.namespace, labels[TRAINING_LABEL])
    if SERVICE_LABEL in labels:
        yield SERVICE_CONTROLLER, Key(key.namespace, labels[SERVICE_LABEL])


def wake(cache: Cache, kind: Kind, key: Key, affected: Iterable[Owner]) -> Iterator[Owner]:
    """The resources to look at after an object changed, those that refer to it included."""
    for controller, resource in affected:
        if controller != REFERRED:
            yield controller, resource
    if kind == TRAINING:
        for referring, controller in CONTROLLERS.items():
            yield from ((controller, key_of(body)) for body in cache.children(referring, (REFERRED, key)))
    if kind in (SERVICE_ACCOUNT, ROLE_BINDING):
        for resources, controller in CONTROLLERS.items():
            for resource in cache.keys(resources):
                if resource.namespace == key.namespace:
                    yield controller, resource
