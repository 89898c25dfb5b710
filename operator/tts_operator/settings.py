"""The operator's settings, read from environment variables with the prefix TTS_OPERATOR_. The chart sets them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one replica.

    Raises pydantic.ValidationError, which names the field, for a value that cannot work.
    """

    model_config = SettingsConfigDict(env_prefix="TTS_OPERATOR_", frozen=True, use_attribute_docstrings=True)

    namespace: str
    """Namespace the operator runs in; its lease lies there."""

    identity: str = "local"
    """The name that distinguishes this replica from the others: the pod's name."""

    workload_image: Annotated[str, Field(min_length=1, max_length=512)]
    """Image of the pods of a resource that names none. It is resolved once for each resource, see status.image,
    which holds at most 512 characters."""

    workload_cluster_role: str
    """ClusterRole that lets a workload pod report. It is bound to the account in each namespace that needs it."""

    watch_namespaces: tuple[str, ...] = ()
    """Namespaces to look after, as a JSON list. An empty list means all."""

    workers: Annotated[int, Field(ge=1, le=256)] = 32
    """Resources of one kind that are looked at at the same time. Each mostly waits for the API server."""

    backoff_seconds: Annotated[float, Field(gt=0)] = 0.5
    """First wait after a failed pass. It doubles with each failure in a row."""

    backoff_limit_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Longest wait after failed passes: how long a lifted quota may go unnoticed."""

    resync_seconds: Annotated[float, Field(ge=10)] = 600.0
    """Seconds between two listings of everything, which find what a broken watch has missed."""

    lease_duration_seconds: Annotated[float, Field(ge=2)] = 15.0
    """Seconds for which a lease that is not renewed keeps the others waiting."""

    lease_renew_seconds: Annotated[float, Field(ge=1)] = 10.0
    """Seconds for which the leader tries to renew before it stops. Shorter than the duration, or two would lead."""

    lease_retry_seconds: Annotated[float, Field(gt=0)] = 2.0
    """Seconds between two requests of the leader or a candidate."""

    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """Port of /healthz, /readyz and /metrics."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""

    @field_validator("workload_image")
    @classmethod
    def _is_pinned(cls, value: str) -> str:
        last = value.rpartition("/")[2]
        if value.endswith(":latest") or not (":" in last or "@" in last):
            raise ValueError(
                f"{value} needs a tag other than latest, or a digest: it must name the same image tomorrow"
            )
        return value

    @field_validator("lease_renew_seconds")
    @classmethod
    def _is_shorter_than_the_lease(cls, value: float, info: object) -> float:
        duration = getattr(info, "data", {}).get("lease_duration_seconds", 15.0)
        if value >= duration:
            raise ValueError(f"must be shorter than the lease's duration of {duration} s")
        return value
