"""Reads what is served and where, from a voice's file or from a run document. The server's life is in ``process``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tts_api.resources.service import Batching, Limits
from tts_api.run import API_KEYS_PATH, ResourceReference, ServiceRun
from tts_workloads.run_document import read_run


@dataclass(frozen=True)
class ServingConfig:
    """What is served and where."""

    model: str
    """The name under which clients ask for the voice."""
    path: Path
    """The voice's file."""
    sha256: str | None
    """The digest that the file must have; None for any."""
    host: str
    """The address to listen on; empty for all."""
    port: int
    limits: Limits
    batching: Batching = field(default_factory=Batching)
    api_keys: Path | None = None
    """The folder of API keys, one of which each request must have; None where no key is needed."""
    most_per_key: int | None = None
    """How many requests of one key may be in progress; None for no such limit."""
    resource: ResourceReference | None = None
    """The resource whose status gets the measured speed of the voice; None outside a cluster."""

    @property
    def address(self) -> str:
        """Host and port as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def from_file(
    path: Path,
    host: str,
    port: int,
    api_keys: Path | None = None,
    limits: Limits | None = None,
    batching: Batching | None = None,
) -> ServingConfig:
    """Return the config that serves a voice's file by itself, whatever its digest is. Clients ask for it by the file's
    name without its suffix."""
    return ServingConfig(path.stem, path, None, host, port, limits or Limits(), batching or Batching(), api_keys)


def from_run(path: Path, workspace: Path, host: str, port: int | None) -> ServingConfig:
    """Return the config that a run document describes; ``port`` goes before the document's.

    Raises BadInput where the document is missing, malformed, or of a later schema.
    """
    run = read_run(ServiceRun, path)
    return of_run(run, workspace / "checkpoints" / run.voice.path, host, port, API_KEYS_PATH)


def of_run(run: ServiceRun, path: Path, host: str, port: int | None, api_keys: Path) -> ServingConfig:
    """Return the config of a run document whose voice is the file ``path``. ``api_keys`` is the folder of the keys,
    where the document wants them; ``port`` goes before the document's."""
    return ServingConfig(
        run.voice.name,
        path,
        run.voice.sha256,
        host,
        port or run.port,
        run.limits,
        run.batching,
        api_keys if run.api_keys else None,
        run.max_concurrent_requests_per_key,
        run.resource,
    )
