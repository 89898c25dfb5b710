"""Turns, batches and what is said when: the engine with a voice that only counts, then with a real one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.workloads import tiny_voice
from tests.unit.workloads.test_voice_file import untrained
from tts_workloads import models
from tts_workloads.serving.synthesis.batching import SynthesisRequest, choose_batch
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.engine import FAILURES, SMOOTHING, BatchStats, Engine, EngineClosed
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceMel
from tts_workloads.training.finish.export import packed
from tts_workloads.training.finish.results import describe


class Counting:
    """A voice whose every symbol is a frame of one sample, made when the test lets it."""

    def __init__(self, chunk_frames: int | None = None) -> None:
        self.frames = chunk_frames
        self.go = threading.Semaphore(0)
        self.turns: list[list[int]] = []
        """The first symbol of each sentence or chunk of a turn."""

    def enter_thread(self) -> None:
        pass

    def chunk_frames(self, number: int) -> int | None:
        return self.frames

    def predict_mel(self, sentences: Sequence[Sentence]) -> list[SentenceMel]:
        if any(symbol < 0 for sentence in sentences for symbol in sentence.symbols):
            raise RuntimeError("a symbol that no voice has")
        return [SentenceMel(torch.tensor([list(sentence.symbols)])) for sentence in sentences]

    def vocode(self, mels: Sequence[SentenceMel], frames: Sequence[int | None]) -> list[Samples]:
        assert self.go.acquire(timeout=20)
        sounds = []
        for one, most in zip(mels, frames, strict=True):
            begin = one.frames_vocoded
            one.frames_vocoded += min(one.frames_left, most or one.frames_left)
            sounds.append(one.mel[0, begin : one.frames_vocoded].numpy().astype(np.float32))
        self.turns.append([int(sound[0]) for sound in sounds])
        return sounds

    def let(self, turns: int) -> None:
        for _ in range(turns):
            self.go.release()


async def heard(engine: Engine, *sentences: Sequence[int], streamed: bool = True) -> list[list[int]]:
    spoken = [Sentence(sentence) for sentence in sentences]
    return [chunk.samples.tolist() async for chunk in engine.speak(spoken, streamed=streamed)]


async def until(condition: Any) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        await asyncio.sleep(0.005)


def utterance(number: int, length: int, chunks: int = 0) -> SynthesisRequest:
    return SynthesisRequest(
        deque([Sentence([1] * length)]), lambda _: None, streamed=True, number=number, chunks_made=chunks
    )


@pytest.mark.parametrize(
    ("lengths", "most", "together"),
    [
        ([10, 11, 15], 8, [0, 1, 2]),
        ([10, 16, 15], 8, [0, 2]),
        ([10, 7, 11], 8, [0, 1]),  # 7 and 11 do not go together
        ([10, 10, 10], 2, [0, 1]),
        ([10, 10], 1, [0]),
    ],
)
def test_what_is_about_as_long_shares_a_batch(lengths: list[int], most: int, together: list[int]) -> None:
    waiting = [utterance(number, length) for number, length in enumerate(lengths)]
    assert [one.number for one in choose_batch(waiting, most)] == together


@pytest.mark.parametrize(
    ("frames", "left", "together"),
    [
        ([40, 40, 40], [400, 90, 40], [0, 1, 2]),  # their chunks are as long, whatever is left behind them
        ([40, 80, 40], [400, 400, 30], [0, 2]),
        ([None, None], [400, 90], [0]),
    ],
)
def test_chunks_as_long_share_a_turn(frames: list[int | None], left: list[int], together: list[int]) -> None:
    waiting = [utterance(number, 10, chunks=1) for number in range(len(frames))]
    for one, most, rest in zip(waiting, frames, left, strict=True):
        one.mel, one.chunk_frames = SentenceMel(torch.zeros(1, rest)), most
    assert [one.number for one in choose_batch(waiting, 8)] == together


def test_sound_comes_in_the_order_of_the_text() -> None:
    async def run() -> None:
        voice = Counting(chunk_frames=2)
        engine = Engine(voice)
        voice.let(20)
        assert await heard(engine, [1, 2, 3, 4, 5], [6]) == [[1, 2], [3, 4], [5], [6]]
        assert await heard(engine, [1, 2, 3, 4, 5], [6], streamed=False) == [[1, 2, 3, 4, 5], [6]]
        engine.close()

    asyncio.run(run())


def test_a_first_chunk_goes_before_anothers_tenth() -> None:
    async def run() -> None:
        voice = Counting(chunk_frames=1)
        engine = Engine(voice)
        long = asyncio.create_task(heard(engine, list(range(100, 110))))
        voice.let(3)
        await until(lambda: len(voice.turns) == 3)
        await asyncio.sleep(0.05)
        short = asyncio.create_task(heard(engine, [1, 2]))
        await until(lambda: engine.depth == 1)
        voice.let(9)
        assert await short == [[1], [2]]
        assert len(await long) == 10
        order = [turn[0] for turn in voice.turns]
        # The turn that had begun is finished, then the new one catches up.
        assert order.index(1) <= 4
        assert order.index(2) <= 6
        engine.close()

    asyncio.run(run())


def test_similar_sentences_are_made_in_one_turn_and_each_gets_its_own() -> None:
    async def run() -> None:
        voice, turns = Counting(), list[BatchStats]()
        engine = Engine(voice, max_batch_size=4, observe=turns.append)
        first = asyncio.create_task(heard(engine, [1, 1]))
        await until(lambda: engine.depth == 0 and engine.seconds_of_work() > 0)
        others = [asyncio.create_task(heard(engine, [n] * 4)) for n in range(2, 7)]
        await until(lambda: engine.depth == 5)
        voice.let(3)
        assert await first == [[1, 1]]
        assert [await other for other in others] == [[[n] * 4] for n in range(2, 7)]
        assert voice.turns == [[1], [2, 3, 4, 5], [6]]
        await until(lambda: len(turns) == 3)
        assert [(turn.batch_size, turn.samples) for turn in turns] == [(1, 2), (4, 16), (1, 4)]
        engine.close()

    asyncio.run(run())


def test_a_batch_waits_to_become_full_but_not_for_long() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice, max_batch_size=2, max_wait_seconds=0.5)
        voice.let(2)
        both = await asyncio.gather(heard(engine, [1]), heard(engine, [2]))
        assert both == [[[1]], [[2]]]
        assert voice.turns == [[1, 2]]
        began = time.monotonic()
        assert await heard(engine, [3]) == [[3]]
        assert time.monotonic() - began >= 0.5
        engine.close()

    asyncio.run(run())


def test_one_requests_failure_is_its_own() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice, max_batch_size=4)
        blocking = asyncio.create_task(heard(engine, [9]))
        await until(lambda: engine.depth == 0 and engine.seconds_of_work() > 0)
        good = asyncio.create_task(heard(engine, [1, 2]))
        bad = asyncio.create_task(heard(engine, [-1, 2]))
        await until(lambda: engine.depth == 2)
        voice.let(4)
        assert await good == [[1, 2]]
        with pytest.raises(RuntimeError, match="no voice has"):
            await bad
        await blocking
        assert engine.seconds_of_work() == 0
        engine.close()

    asyncio.run(run())


def test_many_failures_in_a_row_are_not_the_requests_fault() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice)
        for before_a_good_one in (FAILURES - 1, FAILURES):
            for _ in range(before_a_good_one):
                assert engine.trouble() is None
                with pytest.raises(RuntimeError, match="no voice has"):
                    await heard(engine, [-1])
            assert (engine.trouble() is None) == (before_a_good_one < FAILURES)
            voice.let(1)
            assert await heard(engine, [1]) == [[1]]
            assert engine.trouble() is None
        engine.close()

    asyncio.run(run())


class Dear(Counting):
    """A voice that takes a hundredth of a second to say a sentence and as long for each two frames of its sound."""

    def predict_mel(self, sentences: Sequence[Sentence]) -> list[SentenceMel]:
        time.sleep(0.01)
        return super().predict_mel(sentences)

    def vocode(self, mels: Sequence[SentenceMel], frames: Sequence[int | None]) -> list[Samples]:
        time.sleep(
            0.01
            * sum(min(one.frames_left, most or one.frames_left) for one, most in zip(mels, frames, strict=True))
            / 2
        )
        return super().vocode(mels, frames)


@pytest.mark.parametrize("streamed", [True, False])
def test_the_cost_of_a_symbol_is_that_of_all_turns_of_its_sentence(streamed: bool) -> None:
    async def run() -> None:
        turns = list[BatchStats]()
        engine = Engine(voice := Dear(chunk_frames=2), seconds_per_symbol=0.0, observe=turns.append)
        voice.let(100)
        await heard(engine, [1] * 8, streamed=streamed)
        await until(lambda: len(turns) == (4 if streamed else 1))
        spent = sum(turn.seconds for turn in turns)
        assert engine.seconds_per_symbol == pytest.approx((1 - SMOOTHING) * spent / 8, rel=0.5)
        engine.close()

    asyncio.run(run())


def test_a_turn_that_does_not_end_is_trouble() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice, stalled_seconds=0.05)
        speaking = asyncio.create_task(heard(engine, [1]))
        await until(engine.trouble)
        assert "in the making" in engine.trouble()
        voice.let(1)
        assert await speaking == [[1]]
        await until(lambda: engine.trouble() is None)
        engine.close()

    asyncio.run(run())


def test_who_goes_away_leaves_no_work_behind() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice)
        blocking = asyncio.create_task(heard(engine, [9]))
        await until(lambda: engine.depth == 0 and engine.seconds_of_work() > 0)
        gone = asyncio.create_task(heard(engine, [1] * 50, [2] * 50))
        await until(lambda: engine.depth == 1)
        assert engine.seconds_of_work() == pytest.approx(51 * engine.seconds_per_symbol)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert engine.depth == 0
        voice.let(1)
        assert await blocking == [[9]]
        assert voice.turns == [[9]]
        assert engine.seconds_of_work() == 0
        engine.close()

    asyncio.run(run())


def test_a_long_text_is_work_of_a_sentence_at_a_time() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice, seconds_per_symbol=1.0)
        long = asyncio.create_task(heard(engine, [1] * 30, [2] * 20, [3] * 10))
        await until(lambda: engine.seconds_of_work() == 30)
        voice.let(1)
        await until(lambda: len(voice.turns) == 1 and 0 < engine.seconds_of_work() / engine.seconds_per_symbol < 30)
        assert engine.seconds_of_work() == pytest.approx(20 * engine.seconds_per_symbol)
        voice.let(2)
        assert [len(chunk) for chunk in await long] == [30, 20, 10]
        await until(lambda: engine.seconds_of_work() == 0)
        engine.close()

    asyncio.run(run())


def test_what_nobody_takes_is_not_made() -> None:
    async def run() -> None:
        voice = Counting(chunk_frames=1)
        engine = Engine(voice)
        voice.let(100)
        chunks = engine.speak([Sentence(list(range(1, 31)))], streamed=True)
        first = await anext(chunks)
        assert (first.samples.tolist(), first.opens is not None) == ([1], True)
        await until(lambda: engine.depth == 0 and len(voice.turns) >= 4)
        await asyncio.sleep(0.05)
        assert len(voice.turns) <= 5, "a reader that is slow has a few chunks made for it"
        assert engine.seconds_of_work() == 0, "what nobody takes keeps nobody else waiting"
        rest = [chunk async for chunk in chunks]
        assert [(one.samples.tolist(), one.opens) for one in rest] == [([n], None) for n in range(2, 31)]
        engine.close()

    asyncio.run(run())


def test_an_engine_that_is_closed_takes_nothing_and_waits_for_no_turn_that_never_ends() -> None:
    async def run() -> None:
        voice = Counting()
        engine = Engine(voice)
        stuck = asyncio.create_task(heard(engine, [1]))
        await until(lambda: engine.depth == 0 and engine.seconds_of_work() > 0)
        await asyncio.to_thread(engine.close, 0.05)
        with pytest.raises(EngineClosed):
            await heard(engine, [3])
        voice.let(1)
        assert await stuck == [[1]]
        engine.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def spoken_voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    """An untrained voice whose vocoder makes chunks."""
    training = untrained("vocos", layers=2)
    module = models.build_voice(training.acoustic, training.vocoder).eval()
    path: Path = tmp_path_factory.mktemp("voice") / "voice.pt"
    path.write_bytes(packed(module, describe(training.run, training, 0, None), training.front_end.files()))
    return LoadedVoice(path, None, torch.device("cpu"))


@pytest.mark.parametrize("threads", [1, 2])
def test_batched_streamed_and_alone_sound_the_same(spoken_voice: LoadedVoice, threads: int) -> None:
    """To 1e-4 of full scale: what is added in another order is rounded differently."""
    voice = spoken_voice
    texts = ["Good morning, everyone who is here today.", "Thank you very much indeed for your call.", "Goodbye."]
    sentences = [Sentence(voice.front_end.encode(text), speaker=n % 2) for n, text in enumerate(texts)]
    alone = [tiny_voice.synthesise(voice, one) for one in sentences]

    async def run() -> None:
        engine = Engine(voice, threads=threads, max_batch_size=8, max_wait_seconds=0.05)
        for streamed in (True, False):
            requests = [sentences[n % 3 :] for n in range(9)]
            answers = await asyncio.gather(*(whole(engine, request, streamed=streamed) for request in requests))
            for n, answer in enumerate(answers):
                np.testing.assert_allclose(answer, np.concatenate(alone[n % 3 :]), atol=1e-4)
        engine.close()

    asyncio.run(run())


class FailsInCompany:
    """A voice's module whose vocoder has no memory for two, once."""

    def __init__(self, module: Any) -> None:
        self._module, self._failed = module, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def vocode(self, mel: torch.Tensor) -> Any:
        if mel.shape[0] > 1 and not self._failed:
            self._failed = True
            raise RuntimeError("out of memory")
        return self._module.vocode(mel)


@pytest.mark.parametrize("streamed", [True, False])
def test_no_sound_is_lost_where_a_batch_fails_in_the_vocoder(
    spoken_voice: LoadedVoice, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    texts = ("Good morning, everyone here.", "Thank you for your call now.")
    sentences = [Sentence(spoken_voice.front_end.encode(text)) for text in texts]
    alone = [tiny_voice.synthesise(spoken_voice, one) for one in sentences]
    monkeypatch.setattr(spoken_voice, "_module", FailsInCompany(spoken_voice._module))

    async def run() -> None:
        engine = Engine(spoken_voice, max_batch_size=2, max_wait_seconds=0.5)
        answers = await asyncio.gather(*(whole(engine, [one], streamed=streamed) for one in sentences))
        engine.close()
        assert spoken_voice._module._failed
        for answer, expected in zip(answers, alone, strict=True):
            np.testing.assert_allclose(answer, expected, atol=1e-4)

    asyncio.run(run())


async def whole(engine: Engine, sentences: Sequence[Sentence], *, streamed: bool) -> Samples:
    chunks = [chunk async for chunk in engine.speak(sentences, streamed=streamed)]
    assert len(chunks) > len(sentences) or not streamed or len(sentences) == 1
    assert len(chunks) == len(sentences) or streamed
    return np.concatenate([chunk.samples for chunk in chunks])
