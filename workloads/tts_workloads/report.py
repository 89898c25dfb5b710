"""Reports to the Kubernetes API: a pod applies one field of the status of its own resource. No other file of the
workloads talks to Kubernetes. The documents that are reported are types of ``tts_api.report``."""

from __future__ import annotations

import json
import logging
import os
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tts_api import API_VERSION
from tts_api.base import Document
from tts_api.kinds import SERVICE, TRAINING, CustomKind
from tts_api.report import PROGRESS_FIELD_MANAGER
from tts_api.run import ResourceReference

log = logging.getLogger(__name__)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
INTERVAL_SECONDS = 5.0
"""Least time between two reports that are not urgent."""
TIMEOUT_SECONDS = 10.0
COMPLAINT_SECONDS = 60.0
"""Least time between two log lines about an API server that does not answer."""
LONGEST_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True)
class StatusField:
    """A field of a resource's status that pods own."""

    kind: str
    plural: str
    name: str

    @classmethod
    def owned_by_pods(cls, kind: CustomKind[Any]) -> StatusField:
        """The one field of a kind's status that its pods own."""
        return cls(kind.name, kind.plural, kind.pod_owned_field)


TRAINING_PROGRESS = StatusField.owned_by_pods(TRAINING)
SERVICE_PERFORMANCE = StatusField.owned_by_pods(SERVICE)


@dataclass(frozen=True)
class ApiServer:
    """The API server's address and the pod's credentials for it."""

    url: str
    credentials: Path = SERVICE_ACCOUNT
    """Folder with ``token`` and ``ca.crt``. Both are read again for each report, since Kubernetes rotates them."""

    @classmethod
    def of_this_pod(cls) -> ApiServer | None:
        """Return the API server as a pod finds it; None outside a cluster or without a token."""
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host or not (SERVICE_ACCOUNT / "token").exists():
            return None
        return cls(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")

    def apply_status(self, resource: ResourceReference, field: StatusField, document: Document) -> None:
        """Apply the whole of ``status.<field>`` by server-side apply. Raises httpx.HTTPError or OSError."""
        body = {
            "apiVersion": API_VERSION,
            "kind": field.kind,
            "metadata": {"name": resource.name, "namespace": resource.namespace},
            "status": {field.name: document.to_json_object()},
        }
        path = f"/apis/{API_VERSION}/namespaces/{resource.namespace}/{field.plural}/{resource.name}/status"
        certificate = self.credentials / "ca.crt"
        context = ssl.create_default_context(cafile=certificate) if self.url.startswith("https") else True
        # A proxy from the environment is for the outside world, not for the API server.
        with httpx.Client(verify=context, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            response = client.patch(
                self.url + path,
                params={"fieldManager": PROGRESS_FIELD_MANAGER, "force": "true"},
                content=json.dumps(body),  # JSON is YAML
                headers={
                    "Authorization": f"Bearer {(self.credentials / 'token').read_text().strip()}",
                    "Content-Type": "application/apply-patch+yaml",
                },
            )
            if response.is_error:
                raise httpx.HTTPStatusError(
                    f"{response.status_code} {_words_of(response)}", request=response.request, response=response
                )


def _words_of(response: httpx.Response) -> str:
    """Return the reason that the API server gives for a refusal, at most 300 characters."""
    try:
        return str(response.json().get("message", ""))[:300]
    except (ValueError, AttributeError):
        return response.reason_phrase


def now() -> str:
    """Return the present time as Kubernetes writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Reporter:
    """Applies the newest document in its own thread, so that no caller waits for the API server.

    A document that is replaced before it is sent is never sent. An outage is logged at most once in
    ``COMPLAINT_SECONDS`` and otherwise ignored, since the next report carries everything.
    """

    def __init__(
        self,
        api: ApiServer,
        resource: ResourceReference,
        field: StatusField,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._api, self._resource, self._field = api, resource, field
        self._interval = interval_seconds
        self._wake = threading.Condition()
        self._pending: Document | None = None
        self._urgent = False
        self._closed = False
        self._failures = 0
        self._complained = float("-inf")
        self._thread = threading.Thread(target=self._work, name="report", daemon=True)
        self._thread.start()

    def put(self, document: Document, *, urgent: bool = False) -> None:
        """Hand over the newest document and return at once. An urgent document does not wait for the interval."""
        with self._wake:
            self._pending = document
            self._urgent = self._urgent or urgent
            self._wake.notify()

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Send what is pending, again and again for ``timeout_seconds``. Returns whether it arrived."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive() and self._pending is None

    def _work(self) -> None:
        last = float("-inf")
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._pending is not None or self._closed)
                pause = last + self._pause() - time.monotonic()
                # An urgent report skips the interval, but not the back-off of an API server that is away.
                self._wake.wait_for(lambda: self._closed or (self._urgent and not self._failures), max(0.0, pause))
                document, self._pending, self._urgent = self._pending, None, False
                closed = self._closed
            if document is None:
                return
            arrived, last = self._send(document), time.monotonic()
            with self._wake:
                if not arrived and self._pending is None:
                    self._pending = document
                if closed and self._pending is None:
                    return
            if closed:
                time.sleep(1.0)

    def _pause(self) -> float:
        return min(self._interval * float(2**self._failures), max(self._interval, LONGEST_BACKOFF_SECONDS))

    def _send(self, document: Document) -> bool:
        try:
            self._api.apply_status(self._resource, self._field, document)
        except (httpx.HTTPError, OSError, ssl.SSLError) as error:
            self._failures = min(self._failures + 1, 10)
            if time.monotonic() - self._complained > COMPLAINT_SECONDS:
                self._complained = time.monotonic()
                log.warning("the API server did not take the report, it will be tried again: %s", error)
            return False
        self._failures = 0
        return True


def reporter_for(resource: ResourceReference | None, field: StatusField) -> Reporter | None:
    """Return a reporter for the resource; None where there is no resource or no cluster to report to."""
    api = ApiServer.of_this_pod()
    return Reporter(api, resource, field) if resource and api else None
