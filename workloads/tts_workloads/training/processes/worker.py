"""One process of a training, from its start to its exit: it joins the others, trains, and if it leads, measures and
writes the voice. ``launch`` calls it, or its agent starts it as ``python -m
tts_workloads.training.processes.worker``."""

from __future__ import annotations

import argparse
import logging
import math
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import torch

from tts_api.reasons import Reason
from tts_api.report import Checkpoint, ExitCode, TerminationMessage, TrainingResult
from tts_api.run import TrainingRun, digest
from tts_workloads import logs
from tts_workloads.data import InvalidDataset, Shards
from tts_workloads.exits import Exit, StorageFull, clipped, exit_of
from tts_workloads.files import write_bytes
from tts_workloads.processors import cpus
from tts_workloads.training.budget import Budget, process_age
from tts_workloads.training.loop import distributed
from tts_workloads.training.loop.checkpoint import Checkpoints
from tts_workloads.training.loop.distributed import World
from tts_workloads.training.loop.loop import Loop
from tts_workloads.training.loop.schedule import budget_seconds
from tts_workloads.training.loop.trainer import Interrupted
from tts_workloads.training.processes import rank_exits
from tts_workloads.training.setup import refusal
from tts_workloads.training.setup.steps import steps_of_stages
from tts_workloads.training.telemetry.progress import Progress
from tts_workloads.training.telemetry.record import Record
from tts_workloads.training.telemetry.resource_monitor import ResourceMonitor
from tts_workloads.training.telemetry.sinks import Nowhere, sink_for

if TYPE_CHECKING:
    from tts_workloads.training.setup.assemble import Training

log = logging.getLogger(__name__)

CAUSE_SECONDS = 3.0
"""How long a process that lost its peer waits before it exits, so that the launcher sees the failure of the peer
first."""


class Stop:
    """Tells whether this process was asked to stop: by a signal, by a file of its launcher, or by its launcher's
    death."""

    def __init__(self) -> None:
        self._asked = False
        self._raises = False
        self._parent = os.getppid()
        folder = os.environ.get(rank_exits.FOLDER_VARIABLE)
        self._file = Path(folder) / rank_exits.STOP_FILE if folder else None
        if folder:
            (Path(folder) / rank_exits.STARTED_FILE).touch()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del frame
        again, self._asked = self._asked, True
        if self._raises or (again and number == signal.SIGINT):
            raise Interrupted(f"stopped by {signal.Signals(number).name}")

    def __call__(self) -> bool:
        if self._file is not None:
            self._asked = self._asked or self._file.exists() or os.getppid() != self._parent
        return self._asked

    def raise_if_asked(self) -> None:
        """Raise Interrupted if this process was asked to stop."""
        if self():
            raise Interrupted("asked to stop")

    def interrupts(self) -> None:
        """From now on a signal raises Interrupted at once, because no step has to be finished first. Raises Interrupted
        if this process was asked to stop before."""
        self._raises = True
        self.raise_if_asked()


def work(run: TrainingRun, workspace: Path) -> Exit:
    """Do this process's part of the run. Never raises: every error becomes an exit."""
    stop = Stop()
    torch.set_num_threads(max(1, cpus() // run.topology.processes_per_node))
    rank = int(os.environ.get("RANK", "0"))
    budget = _budget_of(run, workspace / "checkpoints" / run.output) if rank == 0 else None
    progress = Progress(steps_of_stages(run), sink_for(run) if rank == 0 else Nowhere(), budget=budget)
    progress.stage("Preparing", 0)
    try:
        outcome = _RankRun(run, workspace, stop, progress, budget, leads=rank == 0).run_to_its_end()
    except Exception as error:
        outcome = exit_of(error)
        if outcome.code == ExitCode.BAD_INPUT:
            log.error("%s: %s", outcome.message.reason, outcome.message.message)
        else:
            log.exception("the training failed")
    finally:
        distributed.leave()
    if budget is not None:
        with suppress(OSError, StorageFull):
            budget.close()
    progress.close()
    rank_exits.leave(outcome, rank)
    return outcome


def _budget_of(run: TrainingRun, folder: Path) -> Budget | None:
    seconds = budget_seconds(run.training)
    return None if seconds is None else Budget(seconds, folder, run_sha256=digest(run), age_seconds=process_age())


class _RankRun:
    """One process's part of a run, from the corpus to the voice. Only the process that leads saves, reports and writes
    the voice."""

    def __init__(
        self, run: TrainingRun, workspace: Path, stop: Stop, progress: Progress, budget: Budget | None, *, leads: bool
    ) -> None:
        self.run, self.workspace, self.stop, self.progress, self.leads = run, workspace, stop, progress, leads
        self.budget = budget
        self.steps = sum(steps_of_stages(run).values())
        """Number of steps over all stages; with a budget, those that were done."""
        self.root = workspace / "checkpoints"
        self.folder = self.root / run.output
        keep = run.training.keep_checkpoints
        self.checkpoints = Checkpoints(self.folder, run_sha256=digest(run), keep=keep, root=self.root)
        self.shards = Shards(self.folder / "features", writes=leads)

    def run_to_its_end(self) -> Exit:
        """Prepare, train and finish. Raises every error but an interruption."""
        from tts_workloads.training.finish import results

        result = results.earlier_result(self.run, self.folder, self.root) if self.leads else None
        try:
            if result is not None:
                self._report_newest_checkpoint()
            else:
                training = self._prepare()
                world = distributed.join()
                if self.leads:
                    self._describe_settings(training)
                    self._describe_corpus(training)
                    self._rehearse(training, world)
                steps = self._train(training, world)
                self.steps = self.steps or steps
                if self.leads:
                    self.stop.interrupts()
                    self.progress.stage("Exporting", self.steps)
                    result = results.finish(
                        self.run, training, steps, world.device, self.folder, self.root, self._left_to_measure
                    )
                    self.shards.forget()
        except Interrupted as interrupted:
            return _interrupted(str(interrupted), self.progress)
        return self._finished(result)

    def _report_newest_checkpoint(self) -> None:
        found = self.checkpoints.newest()
        if found is not None:
            self.progress.saved(self.checkpoints.describe(found))
            if self.budget is not None:
                self.steps = found.step

    def _rehearse(self, training: Training, world: World) -> None:
        """Learn how long the end of the training takes, if a budget has to leave time for it."""
        from tts_workloads.training.finish.rehearsal import rehearse

        if self.budget is not None and self.budget.account.finish_seconds is None:
            takes = rehearse(self.run, training, world.device, self.folder, self.root, self._pause, self.budget.seconds)
            self.budget.finish_takes(*takes)

    def _left_to_measure(self) -> float:
        """Seconds that measuring the voice may take."""
        return math.inf if self.budget is None else self.budget.left_to_measure

    def _pause(self) -> None:
        """Between two clips: stop if this process was asked to, and keep the budget's account."""
        self.stop.raise_if_asked()
        if self.budget is not None:
            self.budget.tick()

    def _prepare(self) -> Training:
        """Read the corpus and build the models. Raises Interrupted and BadInput."""
        from tts_workloads.training.setup import assemble

        try:
            return assemble.assemble(self.run, self.workspace, distributed.own_device(), self.shards, self._pause)
        except InvalidDataset as error:
            # Every process refuses the corpus; the one that leads writes the problems down.
            raise (refusal.leave(error, self.folder, self.root) if self.leads else error) from None

    def _describe_settings(self, training: Training) -> None:
        """Report what the training trains with, and keep it for the next attempt."""
        from tts_workloads.training.setup.settings import keep, settings_of

        settings = settings_of(training.run, training.device)
        keep(settings, self.run, self.folder)
        self.progress.settle(settings)
        log.info("training with %s", settings.model_dump_json(by_alias=True), extra={"event": "settings"})

    def _describe_corpus(self, training: Training) -> None:
        """Write and log what the corpus is like, before the first step: a user who sees an unexpected corpus can stop
        the training early."""
        statistics = training.corpus.statistics
        if statistics is None:
            return
        described = statistics.model_dump_json(by_alias=True, indent=1)
        write_bytes(self.folder / "report" / "corpus.json", described.encode())
        refusal.forget(self.folder)
        # The clips that were left out are in the log already, one by one.
        described = statistics.model_dump_json(by_alias=True, indent=1, exclude={"left_out"})
        log.info("the corpus: %s", described, extra={"event": "corpus"})

    def _train(self, training: Training, world: World) -> int:
        """Train all stages. Returns the number of steps done. Raises Interrupted, also where a peer was lost."""
        if self.leads:
            self.progress.monitor = ResourceMonitor(world.device)
        record = Record(self.folder if self.leads else None, self.steps, self.run.dataset.audio)
        loop = Loop(self.run, training.stages, world, self.checkpoints, self.progress, record, self.stop, self.budget)
        try:
            loop.train()
        except RuntimeError as error:
            if not distributed.is_lost_peer(error):
                raise
            _save_without_peer(error, loop)
            raise Interrupted("a process that trained together with this one was lost") from None
        finally:
            record.close()
        return sum(loop.steps.values())

    def _finished(self, result: TrainingResult | None) -> Exit:
        """The exit of a part that is done; ``result`` is what the process that leads has written."""
        if result is None:
            return Exit(ExitCode.FINISHED, TerminationMessage(reason=Reason.FINISHED, step=self.steps))
        self.progress.finished(result, self.steps)
        message = TerminationMessage(
            reason=Reason.FINISHED,
            message=f"the voice is {result.artifact.path}",
            step=self.steps,
            result=result,
            checkpoint=self.progress.document.checkpoint,
        )
        return Exit(ExitCode.FINISHED, message)


def _interrupted(message: str, progress: Progress) -> Exit:
    checkpoint: Checkpoint | None = progress.document.checkpoint
    log.info("interrupted: %s", message, extra={"event": "interrupted"})
    return Exit(
        ExitCode.INTERRUPTED,
        TerminationMessage(
            reason=Reason.INTERRUPTED, message=clipped(message), step=progress.document.step, checkpoint=checkpoint
        ),
    )


def _save_without_peer(error: RuntimeError, loop: Loop) -> None:
    """Save the weights after the last step that all processes did, and wait until the launcher has seen the peer's
    failure."""
    log.warning("a peer was lost: %s", error, extra={"event": "peer lost"})
    if loop.world.leads and loop.current is not None:
        loop.save(loop.current.step)
    time.sleep(CAUSE_SECONDS)


def main() -> int:
    """Run one process for the agent of a launcher. Returns the exit code."""
    parser = argparse.ArgumentParser(description="One process of a training; started by tts_workloads.training.")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    arguments = parser.parse_args()
    logs.configure(rank=int(os.environ.get("RANK", "0")))
    run = TrainingRun.model_validate_json(arguments.run.read_text())
    return int(work(run, arguments.workspace).code)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of a communication library whose peer is gone can keep the interpreter from exiting.
    os._exit(code)
