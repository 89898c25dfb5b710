"""Starts the processes of a training on this node and returns one exit code of the contract. A single process runs
here; several run under torch's elastic agent. ``torchrun`` itself would turn every exit but success into code 1."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Literal

from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tts_api.reasons import Reason
from tts_api.report import ExitCode, TerminationMessage
from tts_api.run import TrainingRun, digest
from tts_workloads.exits import Exit, clipped, exit_of, write_termination_message
from tts_workloads.run_document import read_run
from tts_workloads.training import budget
from tts_workloads.training.loop.checkpoint import NAME
from tts_workloads.training.processes import rank_exits
from tts_workloads.training.setup.steps import steps_of_stages

log = logging.getLogger(__name__)

NODE_RANK_VARIABLE = "JOB_COMPLETION_INDEX"
"""Set by Kubernetes in the pods of an Indexed Job."""
MEETING_SECONDS = 900
"""How long a node waits for the others, whose images may still be pulled."""


def launch(run_path: Path, workspace: Path) -> int:
    """Run a training to its end. Writes the termination message and returns the exit code."""
    try:
        run = read_run(TrainingRun, run_path)
        outcome = _PARTS[part_of(run, workspace, node_rank())](run, run_path, workspace)
    except Exception as error:
        outcome = exit_of(error)
        if outcome.code == ExitCode.BAD_INPUT:
            log.error("%s: %s", outcome.message.reason, outcome.message.message)
        else:
            log.exception("the training could not be started")
    write_termination_message(outcome.message)
    log.info(
        "the training ended: %s",
        outcome.message.reason,
        extra={"event": "ended", "code": int(outcome.code), "step": outcome.message.step},
    )
    return int(outcome.code)


def node_rank() -> int:
    """The number of this pod's node."""
    return int(os.environ.get(NODE_RANK_VARIABLE, "0"))


def part_of(run: TrainingRun, workspace: Path, node: int) -> Literal["alone", "together", "none"]:
    """What the pod of a node has to do: train alone, train together with others, or nothing any more.

    Once all models are trained, node 0 writes the voice alone, because the pods of the other nodes may be gone.
    """
    if run.topology.nodes * run.topology.processes_per_node == 1:
        return "alone"
    if not _is_trained(run, workspace / "checkpoints" / run.output):
        return "together"
    return "alone" if node == 0 else "none"


def _is_trained(run: TrainingRun, folder: Path) -> bool:
    """Whether a checkpoint of the last step exists, or the account of the budget says so."""
    if run.training.budget is not None:
        return budget.read(folder, digest(run)).trained
    names = (NAME.match(path.name) for path in folder.glob("checkpoint-*.pt"))
    return max((int(name["step"]) for name in names if name), default=0) >= sum(steps_of_stages(run).values())


def _alone(run: TrainingRun, run_path: Path, workspace: Path) -> Exit:
    del run_path
    from tts_workloads.training.processes.worker import work

    return work(run, workspace)


def _none(run: TrainingRun, run_path: Path, workspace: Path) -> Exit:
    del run_path, workspace
    return Exit(ExitCode.FINISHED, TerminationMessage(reason=Reason.FINISHED, step=sum(steps_of_stages(run).values())))


def _together(run: TrainingRun, run_path: Path, workspace: Path) -> Exit:
    """Start this node's processes under an agent and wait for all of them."""
    with tempfile.TemporaryDirectory(prefix="tts-exits-", ignore_cleanup_errors=True) as folder:
        os.environ[rank_exits.FOLDER_VARIABLE] = folder
        agent = _Agent(run, [str(run_path), str(workspace)], Path(folder))

        def on_signal(number: int, frame: FrameType | None) -> None:
            del frame
            log.info("%s: the processes finish their step and save", signal.Signals(number).name)
            agent.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        return agent.wait()


_PARTS = {"alone": _alone, "together": _together, "none": _none}


class _Agent(threading.Thread):
    """torch's elastic agent, in a thread of its own. In the main thread it would handle signals by killing the
    processes before they could agree on a last step."""

    def __init__(self, run: TrainingRun, arguments: list[str], folder: Path) -> None:
        super().__init__(name="agent", daemon=True)
        self._run, self._arguments, self._folder = run, arguments, folder
        self._exit_codes: Mapping[int, int] = {}
        self._error: Exception | None = None
        self.start()

    def stop(self) -> None:
        """Ask the processes to save and stop."""
        (self._folder / rank_exits.STOP_FILE).touch()

    def wait(self) -> Exit:
        """Wait for the processes and combine their exits into one."""
        while self.is_alive():
            self.join(0.2)
            if (self._folder / rank_exits.STOP_FILE).exists() and not (self._folder / rank_exits.STARTED_FILE).exists():
                # It still waits for the other nodes, so that there is nothing to finish.
                return Exit(
                    ExitCode.INTERRUPTED,
                    TerminationMessage(reason=Reason.INTERRUPTED, message="stopped before all nodes had met"),
                )
        if isinstance(self._error, DistError | RendezvousError | TimeoutError):
            # A peer disappeared while the nodes were meeting, or never came.
            message = clipped(f"the other nodes were not met: {self._error}")
            return Exit(ExitCode.INTERRUPTED, TerminationMessage(reason=Reason.INTERRUPTED, message=message))
        if self._error is not None:
            raise self._error
        return rank_exits.combine(rank_exits.collect(self._folder), self._exit_codes)

    def run(self) -> None:
        """Start the processes and wait until all have exited."""
        # The agent logs failures in a format of its own; the exits of the processes say the same.
        logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
        try:
            entry = [sys.executable, "-m", "tts_workloads.training.processes.worker"]
            run_path, workspace = self._arguments
            elastic_launch(self._config(), entry[0])(*entry[1:], "--run", run_path, "--workspace", workspace)
        except ChildFailedError as error:
            self._exit_codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        except Exception as error:  # noqa: BLE001 - raised again where the agent is waited for
            self._error = error

    def _config(self) -> LaunchConfig:
        topology = self._run.topology
        several = topology.nodes > 1
        if several:
            await_host(topology.rendezvous)
        return LaunchConfig(
            min_nodes=topology.nodes,
            max_nodes=topology.nodes,
            nproc_per_node=topology.processes_per_node,
            run_id=self._run.resource.uid if self._run.resource else self._run.output,
            rdzv_backend="static" if several else "c10d",
            rdzv_endpoint=topology.rendezvous if several else "localhost:0",
            rdzv_configs={"rank": node_rank(), "timeout": MEETING_SECONDS} if several else {},
            max_restarts=0,
            monitor_interval=0.1,
            logs_specs=DefaultLogsSpecs(log_dir=str(self._folder / "logs")),
            # The pod's own name may not resolve, and the processes of one node reach each other at localhost.
            local_addr=None if several else "localhost",
        )


def await_host(endpoint: str, timeout_seconds: float = MEETING_SECONDS) -> None:
    """Wait until the host of ``host:port`` has an address: DNS knows the pod of rank 0 only some time after its
    creation.

    Raises TimeoutError.
    """
    host = endpoint.rpartition(":")[0]
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"rank 0 ({host}) has no address after {timeout_seconds:.0f} s: {error}") from error
            time.sleep(1)
        else:
            return
