import threading
import time

import pytest

from app.errors import ServerBusy
from app.web.middleware.concurrency import ConcurrencyLimiter


def waiting(limiter: ConcurrencyLimiter, ticket: int, outcomes: list) -> threading.Thread:
    def enter():
        try:
            limiter.acquire(ticket)
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


def test_slots_queue_and_rejection():
    limiter, outcomes = ConcurrencyLimiter(2, 1, 10), []
    limiter.acquire(1)
    limiter.acquire(2)
    third = waiting(limiter, 3, outcomes)
    until(lambda: limiter.waiting == 1)
    with pytest.raises(ServerBusy):
        limiter.acquire(4)
    assert (limiter.active, limiter.waiting, outcomes) == (2, 1, [])
    limiter.release(1)
    third.join(10)
    assert (limiter.active, limiter.waiting, outcomes) == (2, 0, ["in"])


def test_the_wait_is_limited():
    limiter = ConcurrencyLimiter(1, 1, 0.05)
    limiter.acquire(1)
    with pytest.raises(ServerBusy):
        limiter.acquire(2)
    assert limiter.waiting == 0


def test_releases_without_a_slot_free_nothing():
    limiter = ConcurrencyLimiter(1, 0, 1)
    limiter.acquire(1)
    limiter.release(2)
    assert limiter.active == 1
    limiter.release(1)
    limiter.release(1)
    limiter.acquire(3)
    with pytest.raises(ServerBusy):
        limiter.acquire(4)


def test_a_full_queue_rejects_bodies():
    limiter = ConcurrencyLimiter(1, 0, 1)
    limiter.check_queue()
    limiter.acquire(1)
    with pytest.raises(ServerBusy):
        limiter.check_queue()


def test_the_oldest_request():
    limiter = ConcurrencyLimiter(2, 0, 1)
    assert limiter.longest_seconds == 0
    limiter.acquire(1)
    time.sleep(0.02)
    limiter.acquire(2)
    assert 0.02 <= limiter.longest_seconds < 5
    limiter.release(1)
    assert limiter.longest_seconds < 0.02
