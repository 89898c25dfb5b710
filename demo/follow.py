"""Draws a progress bar for a training. Its only source is the status of the resource."""

from __future__ import annotations

import json
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from devcluster.cluster import Cluster
from devcluster.processes import ClusterError

POLL_SECONDS = 2


def read(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """Return the training as the API server has it."""
    resource: dict[str, Any] = json.loads(cluster.kubectl("get", "-n", namespace, f"ttst/{name}", "-o", "json"))
    return resource


def condition(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return one condition of a resource; it is empty until it has been written."""
    conditions = resource.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def training(cluster: Cluster, namespace: str, name: str, console: Console) -> None:
    """Draw the progress until the training ends. Raises ClusterError with the condition's message if it failed."""
    columns = (
        TextColumn("  {task.description:<10}"),
        BarColumn(),
        TextColumn("{task.fields[step]:>12}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("ETA {task.fields[eta]}"),
        TimeElapsedColumn(),
    )
    said, shown = "", False
    with Progress(*columns, console=console, refresh_per_second=2) as bar:
        task = bar.add_task("Pending", total=None, step="", loss="", eta="")
        while True:
            resource = read(cluster, namespace, name)
            status = resource.get("status", {})
            progress = status.get("progress", {})
            display = progress.get("display", {})
            bar.update(
                task,
                description=progress.get("stage") or status.get("phase", "Pending"),
                total=progress.get("totalSteps") or None,
                completed=progress.get("step", 0),
                **{key: display.get(key, "") for key in ("step", "loss", "eta")},
            )
            said = _say(console, resource, said)
            if not shown and progress.get("step", 0) * 2 >= progress.get("totalSteps", float("inf")):
                shown = True
                console.print("  [bold]$ kubectl get ttst,ttss[/bold]")
                console.print(cluster.kubectl("get", "-n", namespace, "ttst,ttss"), soft_wrap=True)
            if condition(resource, "Complete").get("status") == "True":
                return
            if condition(resource, "Failed").get("status") == "True":
                failed = condition(resource, "Failed")
                raise ClusterError(f"the training failed: {failed['reason']}: {failed['message']}")
            time.sleep(POLL_SECONDS)


def _say(console: Console, resource: dict[str, Any], said: str) -> str:
    """Print a line at each tenth of the steps where no bar can be drawn, so that a log shows the progress too."""
    status = resource.get("status", {})
    display = status.get("progress", {}).get("display", {})
    percent = int(display.get("percent", "0%").rstrip("%") or 0)
    now = f"{status.get('phase', 'Pending')} {status.get('progress', {}).get('stage', '')} {percent // 10 * 10}%"
    if now != said and not console.is_terminal:
        console.print(
            f"  {now} step {display.get('step', '')} loss {display.get('loss', '')} ETA {display.get('eta', '')}"
        )
    return now
