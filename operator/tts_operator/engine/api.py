"""Calls the API server over the official asynchronous client: JSON in, JSON out. The callers decide what to call."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import client, config
from prometheus_client import Counter

from tts_operator.engine.objects import Key, Kind

Body = Mapping[str, Any]

REQUEST_TIMEOUT_SECONDS = 30.0
CONNECTIONS = 64
PAGE = 500
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update"}

WRITES = Counter("tts_operator_api_writes", "Writes to the API server", ["verb", "resource"])


class ApiError(Exception):
    """The API server refused a request, or did not answer (status 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later without anybody changing anything."""
        return self.status in (0, 401, 408, 409, 429) or self.status >= 500


class Api:
    """One connection pool to the API server. Every method raises ApiError."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._client = client.ApiClient(configuration)
        # Only the client's connections and credentials are used: its request method builds a model of every answer.
        connector = aiohttp.TCPConnector(ssl=self._client.rest_client.ssl_context, limit=CONNECTIONS)
        # Without this, aiohttp looks for a proxy, and for a netrc, in a thread for each request.
        self._session = aiohttp.ClientSession(connector=connector, proxy=_proxy(configuration.host))

    @classmethod
    async def connect(cls) -> Api:
        """A connection by the pod's service account, or by the kubeconfig that KUBECONFIG names."""
        configuration = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self._client.close()  # type: ignore[no-untyped-call]

    async def read(self, kind: Kind, key: Key) -> Body | None:
        """The object, or None where there is none."""
        try:
            return await self._call("GET", kind, kind.path(key.namespace, key.name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str, selector: str) -> AsyncIterator[Body]:
        """The objects of a kind that match a label selector, read page by page. An empty ``namespace`` means all."""
        token = ""
        while True:
            query = {"limit": str(PAGE), "labelSelector": selector} | ({"continue": token} if token else {})
            page = await self._call("GET", kind, kind.path(namespace), query=query)
            for item in page["items"]:
                yield item
            token = page["metadata"].get("continue", "")
            if not token:
                return

    async def create(self, kind: Kind, body: Body) -> Body:
        """Create an object and return it as it is stored."""
        return await self._call("POST", kind, kind.path(body["metadata"]["namespace"]), body)

    async def apply(self, kind: Kind, body: Body, field_manager: str) -> Body:
        """Apply an object server-side, taking over fields that another manager has."""
        metadata = body["metadata"]
        query = {"fieldManager": field_manager, "force": "true"}
        return await self._call("PATCH", kind, kind.path(metadata["namespace"], metadata["name"]), body, APPLY, query)

    async def merge_patch(self, kind: Kind, key: Key, patch: Body, subresource: str = "") -> Body:
        """Merge a patch into an object, or into its subresource."""
        return await self._call("PATCH", kind, kind.path(key.namespace, key.name, subresource), patch, MERGE)

    async def replace(self, kind: Kind, key: Key, body: Body) -> Body:
        """Replace an object. A conflict with another writer is an ApiError of status 409."""
        return await self._call("PUT", kind, kind.path(key.namespace, key.name), body)

    async def _call(
        self,
        method: str,
        kind: Kind,
        path: str,
        body: Body | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Body:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        # JSON is YAML, so the same text is right under either content type.
        data = None if body is None else json.dumps(body)
        if method in _VERBS:
            WRITES.labels(_VERBS[method], kind.plural).inc()
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS)
            ) as response:
                status, text = response.status, await response.text()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ApiError(0, f"the API server did not answer: {error or type(error).__name__}") from error
        answer: dict[str, Any] = {}
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {"message": text[:200]}
        if status >= 400:
            raise ApiError(status, str(answer.get("message", text[:200])))
        return answer


def _proxy(address: str) -> str | None:
    """The proxy that the environment names for an address, if it names one."""
    parts = urlsplit(address)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
