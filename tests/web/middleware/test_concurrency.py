import threading
import time

import pytest

from app.errors import ServerBusy
from app.web.middleware.concurrency import ConcurrencyLimiter


def waiting(limiter: ConcurrencyLimiter, ticket: int, outcomes: list, client: str = "") -> threading.Thread:
    def enter():
        try:
            limiter.acquire(ticket, client)
            outcomes.append(f"{client}in")
        except ServerBusy:
            outcomes.append(f"{client}busy")

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


def test_a_full_queue_refuses_the_client_with_the_most_requests():
    limiter, outcomes = ConcurrencyLimiter(1, 2, 10), []
    limiter.acquire(1, "a")
    first = waiting(limiter, 2, outcomes, "a")
    until(lambda: limiter.waiting == 1)
    second = waiting(limiter, 3, outcomes, "a")
    until(lambda: limiter.waiting == 2)
    with pytest.raises(ServerBusy):
        limiter.check_queue("a")
    limiter.check_queue("b")
    other = waiting(limiter, 4, outcomes, "b")
    second.join(10)
    assert outcomes == ["abusy"]
    # Each of both clients would have two requests.
    with pytest.raises(ServerBusy):
        limiter.acquire(5, "b")
    limiter.release(1)
    until(lambda: len(outcomes) == 2)
    limiter.release(2)
    limiter.release(4)
    first.join(10)
    other.join(10)
    assert sorted(outcomes) == ["abusy", "ain", "bin"]


def test_slots_go_to_clients_with_fewer_active_requests_then_to_those_that_used_less():
    limiter, outcomes = ConcurrencyLimiter(2, 9, 10), []
    limiter.acquire(1, "a").add(1)
    limiter.acquire(2, "b").add(2)
    threads = []
    for ticket, client in enumerate(["b", "a", "b", "c"], start=3):
        threads.append(waiting(limiter, ticket, outcomes, client))
        until(lambda: limiter.waiting == len(threads))
    for count, (ticket, expected) in enumerate(((2, "cin"), (6, "bin"), (1, "ain"), (3, "bin"))):
        limiter.release(ticket)
        until(lambda count=count: len(outcomes) > count)
        assert outcomes[-1] == expected
    for thread in threads:
        thread.join(10)


def test_one_client_leaves_slots_to_others():
    limiter, outcomes = ConcurrencyLimiter(8, 1, 10), []
    for ticket in range(7):
        limiter.acquire(ticket, "a")
    eighth = waiting(limiter, 7, outcomes, "a")
    until(lambda: limiter.waiting == 1)
    with pytest.raises(ServerBusy):
        limiter.check_queue("a")
    limiter.acquire(8, "b")
    limiter.release(0)
    eighth.join(10)
    assert (limiter.active, outcomes) == (8, ["ain"])
