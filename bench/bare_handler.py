"""A minimal kopf operator for a TTSTraining: one handler on the raw event, which creates one Job.

`bench.operator_latency` compares with it. It writes no status, checks no owner, retries nothing and never looks again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import kopf
from kubernetes import aio

GROUP, VERSION, PLURAL = "ttsoperator.dev", "v1alpha1", "ttstrainings"


def job(body: kopf.Body) -> dict[str, Any]:
    """Return a Job that does nothing and belongs to the training."""
    metadata = body["metadata"]
    owner = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TTSTraining",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    container = {"name": "workload", "image": "localhost/nothing:1", "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{metadata['name']}-train",
            "namespace": metadata["namespace"],
            "ownerReferences": [owner],
        },
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


async def main() -> None:
    """Watch the trainings and create a Job for each, until the process is stopped."""
    await aio.config.load_kube_config()
    made: set[str] = set()
    async with aio.client.ApiClient() as api:
        batch = aio.client.BatchV1Api(api)

        @kopf.on.event(GROUP, VERSION, PLURAL)
        async def on_event(body: kopf.Body, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
            uid = body["metadata"]["uid"]
            if type != "DELETED" and uid not in made:
                made.add(uid)
                await batch.create_namespaced_job(body["metadata"]["namespace"], job(body))

        settings = kopf.OperatorSettings()
        settings.scanning.disabled = True
        settings.posting.enabled = False
        await kopf.operator(settings=settings, clusterwide=True, standalone=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())
