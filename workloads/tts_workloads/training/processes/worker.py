"""One process of a training, from its start to its ending: joins the others, trains, and where it leads measures and
writes the voice. Started by ``launch``, or as ``python -m tts_workloads.training.processes.worker`` by its agent."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import torch

from tts_api.reasons import Reason
from tts_api.report import Checkpoint, ExitCode, TerminationMessage, TrainingResult
from tts_api.run import TrainingRun, digest
from tts_workloads import logs
from tts_workloads.data import InvalidDataset, Shards
from tts_workloads.exits import Ending, clipped, ending_of
from tts_workloads.files import write_bytes
from tts_workloads.processors import cpus
from tts_workloads.training.loop.checkpoint import Checkpoints
from tts_workloads.training.loop.loop import Interrupted, Loop
from tts_workloads.training.processes import distributed, rank_exits
from tts_workloads.training.processes.distributed import World
from tts_workloads.training.setup import refusal
from tts_workloads.training.setup.steps import total_steps
from tts_workloads.training.telemetry.progress import Progress, sink_for
from tts_workloads.training.telemetry.record import Record
from tts_workloads.training.telemetry.watch import Watch

log = logging.getLogger(__name__)

CAUSE_SECONDS = 3.0
"""How long a process that lost its peer waits before it ends, so that the launcher notices the peer's failure first."""


class Stop:
    """Whether this process was asked to stop: by a signal, by its launcher's file, or by its launcher's death."""

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

    def here(self) -> None:
        """Raise Interrupted if this process was asked to stop."""
        if self():
            raise Interrupted("asked to stop")

    def interrupts(self) -> None:
        """From now on nothing has to be finished first: a signal raises Interrupted. Does so if it was asked before."""
        self._raises = True
        self.here()


def work(run: TrainingRun, workspace: Path) -> Ending:
    """This process's part of the run. Never raises: every error becomes an ending."""
    stop = Stop()
    torch.set_num_threads(max(1, cpus() // run.topology.processes_per_node))
    rank = int(os.environ.get("RANK", "0"))
    progress = Progress(total_steps(run), sink_for(run)) if rank == 0 else None
    if progress is not None:
        progress.stage("Preparing", 0)
    try:
        ending = _work(run, workspace, stop, progress)
    except Exception as error:
        ending = ending_of(error)
        if ending.code == ExitCode.BAD_INPUT:
            log.error("%s: %s", ending.message.reason, ending.message.message)
        else:
            log.exception("the training failed")
    finally:
        distributed.leave()
    if progress is not None:
        progress.close()
    rank_exits.leave(ending, rank)
    return ending


def _work(run: TrainingRun, workspace: Path, stop: Stop, progress: Progress | None) -> Ending:
    from tts_workloads.training.finish import finish
    from tts_workloads.training.setup import assemble

    folder = workspace / "checkpoints" / run.output
    checkpoints = Checkpoints(
        folder, run_sha256=digest(run), keep=run.training.keep_checkpoints, root=workspace / "checkpoints"
    )
    earlier = finish.earlier_result(run, folder, workspace / "checkpoints")
    if earlier is not None and progress is not None:
        found = checkpoints.newest()
        if found is not None:
            progress.saved(checkpoints.describe(found))
        return _finished(earlier, total_steps(run), progress)
    leads, progress = progress is not None, progress or Progress(total_steps(run), _Silence())
    shards = Shards(folder / "features", writes=leads)
    try:
        training = assemble.assemble(run, workspace, distributed.own_device(), shards, stop.here)
    except Interrupted as interrupted:
        return _interrupted(str(interrupted), progress)
    except InvalidDataset as error:
        # Of several processes each refuses it; the one that reports leaves the problems.
        raise (refusal.leave(error, folder, workspace / "checkpoints") if leads else error) from None
    world = distributed.join()
    if world.leads and training.corpus.statistics is not None:
        # Before the first step: whoever looks may stop a training whose corpus is not what he thought.
        described = training.corpus.statistics.model_dump_json(by_alias=True, indent=1)
        write_bytes(folder / "report" / "corpus.json", described.encode())
        refusal.forget(folder)
        # The clips that were left out are in the log already, one by one.
        described = training.corpus.statistics.model_dump_json(by_alias=True, indent=1, exclude={"left_out"})
        log.info("the corpus: %s", described, extra={"event": "corpus"})
    total = total_steps(run)
    if world.leads:
        progress.watch = Watch(world.device)
    record = Record(folder if world.leads else None, total, run.dataset.audio)
    loop = Loop(run, training.stages, world, checkpoints, progress, record, stop)
    try:
        loop.train()
    except Interrupted as interrupted:
        return _interrupted(str(interrupted), progress)
    except RuntimeError as error:
        if not distributed.is_lost_peer(error):
            raise
        return _lost_peer(error, loop, world, progress)
    finally:
        record.close()
    if not world.leads:
        return Ending(ExitCode.FINISHED, TerminationMessage(reason=Reason.FINISHED, step=total))
    try:
        stop.interrupts()
        progress.stage("Exporting", total)
        steps = sum(loop.steps.values())
        result = finish.finish(run, training, steps, world.device, folder, workspace / "checkpoints")
        shards.forget()
    except Interrupted as interrupted:
        return _interrupted(str(interrupted), progress)
    return _finished(result, total, progress)


def _finished(result: TrainingResult, steps: int, progress: Progress) -> Ending:
    progress.finished(result, steps)
    return Ending(
        ExitCode.FINISHED,
        TerminationMessage(
            reason=Reason.FINISHED,
            message=f"the voice is {result.artifact.path}",
            step=steps,
            result=result,
            checkpoint=progress.document.checkpoint,
        ),
    )


class _Silence:
    """Takes the progress of a process that does not lead."""

    def put(self, document: object, *, urgent: bool = False) -> None:
        pass

    def close(self, timeout_seconds: float = 30.0) -> bool:
        return True


def _interrupted(message: str, progress: Progress) -> Ending:
    checkpoint: Checkpoint | None = progress.document.checkpoint
    log.info("interrupted: %s", message, extra={"event": "interrupted"})
    return Ending(
        ExitCode.INTERRUPTED,
        TerminationMessage(
            reason=Reason.INTERRUPTED, message=clipped(message), step=progress.document.step, checkpoint=checkpoint
        ),
    )


def _lost_peer(error: RuntimeError, loop: Loop, world: World, progress: Progress) -> Ending:
    """Save what is whole (the weights after the last step that all did) and end as interrupted."""
    log.warning("a peer was lost: %s", error, extra={"event": "peer lost"})
    if world.leads and loop.current is not None:
        loop.save(loop.current.first_step + loop.current.place.step)
    time.sleep(CAUSE_SECONDS)
    return _interrupted("a process that trained together with this one was lost", progress)


def main() -> int:
    """The process that a launcher's agent starts."""
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
    # Threads of a communication library whose peer is gone can hang the interpreter's end.
    os._exit(code)
