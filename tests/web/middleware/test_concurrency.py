import threading
import time

import pytest

from app.errors import ServerBusy
from app.web.middleware.concurrency import ConcurrencyLimiter


def waiting(gate: ConcurrencyLimiter, ticket: int, outcomes: list) -> threading.Thread:
    def enter():
        try:
            gate.enter(ticket)
            outcomes.append("in")
        except ServerBusy:
            outcomes.append("busy")

    thread = threading.Thread(target=enter)
    thread.start()
    return thread


def until(condition) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_some_work_some_wait_and_the_rest_is_refused():
    gate, outcomes = ConcurrencyLimiter(2, 1, 10, 100), []
    gate.enter(1)
    gate.enter(2)
    third = waiting(gate, 3, outcomes)
    until(lambda: gate.waiting == 1)
    with pytest.raises(ServerBusy):
        gate.enter(4)
    assert (gate.working, gate.waiting, outcomes) == (2, 1, [])
    gate.leave(1)
    third.join(10)
    assert (gate.working, gate.waiting, outcomes) == (2, 0, ["in"])


def test_waiting_ends():
    gate = ConcurrencyLimiter(1, 1, 0.05, 100)
    gate.enter(1)
    with pytest.raises(ServerBusy):
        gate.enter(2)
    assert gate.waiting == 0


def test_leaving_twice_or_without_a_slot_frees_nothing():
    gate = ConcurrencyLimiter(1, 0, 1, 100)
    gate.enter(1)
    gate.leave(2)
    assert gate.working == 1
    gate.leave(1)
    gate.leave(1)
    gate.enter(3)
    with pytest.raises(ServerBusy):
        gate.enter(4)


def test_bodies_of_all_requests_have_a_limit_together():
    gate = ConcurrencyLimiter(1, 1, 1, 100)
    gate.reserve(60)
    gate.reserve(40)
    with pytest.raises(ServerBusy):
        gate.reserve(1)
    gate.release(60)
    gate.reserve(1)


def test_a_single_body_over_the_limit_is_refused_later_for_what_it_is():
    gate = ConcurrencyLimiter(1, 1, 1, 100)
    gate.reserve(1000)
    gate.release(1000)


def test_no_body_is_read_while_nobody_more_can_wait():
    gate = ConcurrencyLimiter(1, 0, 1, 100)
    gate.reserve(1)
    gate.enter(1)
    with pytest.raises(ServerBusy):
        gate.reserve(1)


def test_the_oldest_request():
    gate = ConcurrencyLimiter(2, 0, 1, 100)
    assert gate.oldest == 0
    gate.enter(1)
    time.sleep(0.02)
    gate.enter(2)
    assert 0.02 <= gate.oldest < 5
    gate.leave(1)
    assert gate.oldest < 0.02
