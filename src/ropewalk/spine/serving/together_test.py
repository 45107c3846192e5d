"""Requests share a call of the model: as many as come together, and nobody waits for who does not come."""

import asyncio
import time

import numpy as np

from ropewalk.spine.serving.answers import Answers
from ropewalk.spine.serving.calls import Caller
from ropewalk.spine.serving.requests import Requests
from ropewalk.spine.serving.together import MOST, Together
from ropewalk.types import Column, Contract

ASKED = Contract((Column("x", "float", "a number"),))
ANSWERED = Contract((Column("y", "float", "twice that"),))


class Counting:
    """Doubles, and remembers how many rows each call had."""

    def __init__(self):
        self.sizes = []

    def predict(self, requests):
        self.sizes.append(len(requests["x"]))
        if (requests["x"] == 13.0).any():
            raise ValueError("13")
        return {"y": requests["x"] * 2}

    def save(self, folder):
        raise NotImplementedError


class Asking:
    """Callers of one model whose calls are said to take `seconds`."""

    def __init__(self, seconds=0.001, joint=()):
        self.model, self.caller = Counting(), Caller()
        self.caller.seconds = seconds
        contract = Contract(ASKED.columns, joint_by=joint)
        self.requests = Requests(contract)
        self.together = Together(self.requests, Answers(ANSWERED))

    async def ask(self, *numbers):
        rows = [self.requests.lines.decode(b'{"x":%f}' % n) for n in numbers]
        found = await self.together.answer(self.model, self.caller, rows, time.perf_counter() + 5.0)
        return [row["y"] for row in found]

    async def client(self, number, times):
        for _ in range(times):
            assert await self.ask(number) == [2.0 * number]


def test_a_lone_caller_is_answered_at_once_and_alone():
    asking = Asking(seconds=0.0036)
    asyncio.run(asking.client(1, 20))
    assert asking.model.sizes == [1] * 20


def test_callers_who_come_together_share_a_call_and_get_their_own_answers():
    asking = Asking()

    async def crowd():
        await asyncio.gather(*(asking.client(n, 30) for n in range(12)))

    asyncio.run(crowd())
    assert sum(asking.model.sizes) == 12 * 30
    assert asking.model.sizes.count(12) >= 25


def test_nobody_waits_for_long_for_who_does_not_come():
    asking = Asking(seconds=0.002)

    async def crowd_then_two():
        await asyncio.gather(*(asking.client(n, 5) for n in range(12)))
        await asyncio.gather(*(asking.client(n, 100) for n in range(2)))

    asyncio.run(crowd_then_two())
    assert asking.model.sizes[-50:] == [2] * 50, "the crowd of before is forgotten"


def test_a_call_takes_so_many_rows_and_the_others_come_next():
    asking = Asking()

    async def crowd():
        return await asyncio.gather(*(asking.ask(*range(20, 40)) for _ in range(4)))

    assert asyncio.run(crowd()) == [[2.0 * n for n in range(20, 40)]] * 4
    assert all(size <= MOST for size in asking.model.sizes)
    assert sum(asking.model.sizes) == 80


def test_a_row_that_the_model_cannot_answer_fails_alone():
    asking = Asking()

    async def crowd():
        return await asyncio.gather(*(asking.ask(n) for n in (1, 13, 2)), return_exceptions=True)

    one, thirteen, two = asyncio.run(crowd())
    assert (one, two) == ([2.0], [4.0])
    assert isinstance(thirteen, ValueError)


def test_rows_that_are_decided_together_are_not_mixed_with_others():
    asking = Asking(joint=("x",))

    async def crowd():
        return await asyncio.gather(*(asking.ask(n, n) for n in range(5)))

    asyncio.run(crowd())
    assert asking.model.sizes == [2] * 5


def test_answers_keep_the_bits_that_the_model_gave():
    asking = Asking()
    numbers = np.random.default_rng(0).normal(size=8)
    assert asyncio.run(asking.ask(*numbers)) == [2 * float(f"{n:f}") for n in numbers]
