"""The order in which requests get a shared resource. No test waits for time to pass."""

import math
import os
import threading
import time

import pytest

from app import tracing
from app.errors import DeadlineExceeded
from app.scheduling import FairLock, usable_cores
from app.tracing import ClientUsage, RequestTrace, Usage


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def client(clock: Clock, seconds: float = 0.0) -> ClientUsage:
    usage = ClientUsage(clock)
    usage.add(seconds)
    return usage


def start(lock: FairLock, usage: Usage, order: list, name: str) -> threading.Thread:
    """Take the lock in another thread, and return once it waits."""

    def take() -> None:
        tracing.start_trace(RequestTrace(math.inf if name else 0, usage=usage))
        try:
            with lock:
                order.append(name)
        except DeadlineExceeded:
            order.append("late")

    count = lock.waiting
    thread = threading.Thread(target=take)
    thread.start()
    while name and thread.is_alive() and lock.waiting == count:
        time.sleep(0.001)
    return thread


def served(lock: FairLock, usages: dict[str, Usage], during=lambda: None) -> list[str]:
    """Return the order in which requests that come while the lock is held get it."""
    order: list[str] = []
    with lock:
        threads = [start(lock, usage, order, name) for name, usage in usages.items()]
        during()
        order.append("holder")
    for thread in threads:
        thread.join(10)
    return order


def test_the_request_that_used_the_least_is_next_then_the_first(clock):
    someone = client(clock)
    usages = {name: Usage(someone, seconds) for name, seconds in {"a": 0.3, "b": 0.1, "c": 0.2, "d": 0.1}.items()}
    assert served(FairLock(clock=clock), usages) == ["holder", "b", "d", "c", "a"]


def test_a_client_that_used_less_comes_before_requests_that_did(clock):
    usages = {"new": Usage(client(clock, 50.0)), "old": Usage(client(clock, 1.0), 1.0)}
    assert served(FairLock(clock=clock), usages) == ["holder", "old", "new"]


def test_long_requests_are_served_in_the_order_they_came(clock):
    someone = client(clock)
    usages = {name: Usage(someone, seconds) for name, seconds in {"a": 3.0, "b": 1.0, "c": 0.4}.items()}
    assert served(FairLock(clock=clock), usages) == ["holder", "c", "a", "b"]


@pytest.mark.parametrize(("used", "order"), [(0.3, ["a", "holder"]), (1.0, ["holder", "a"]), (2.0, ["holder", "a"])])
def test_a_holder_shares_with_a_request_that_used_less(clock, used, order):
    lock, someone = FairLock(clock=clock), client(clock)
    tracing.start_trace(RequestTrace(math.inf, usage=Usage(someone, 1.0)))
    try:
        assert served(lock, {"a": Usage(someone, used)}, lock.share) == order
    finally:
        tracing.end_trace()


def test_the_time_with_the_lock_is_usage_and_waiting_is_not(clock):
    lock, usage, waiting = FairLock(clock=clock), Usage(client(clock)), Usage(client(clock))
    tracing.start_trace(RequestTrace(math.inf, usage=usage))
    try:
        served(lock, {"a": waiting}, lambda: setattr(clock, "now", clock.now + 2))
    finally:
        tracing.end_trace()
    assert (usage.seconds, usage.client.seconds, waiting.seconds) == (2, 2, 0)


def test_a_request_past_its_deadline_stops_waiting_and_the_lock_stays_usable(clock):
    lock, order = FairLock(clock=clock), []
    with lock:
        start(lock, Usage(), order, "").join(10)
        assert order == ["late"]
        assert lock.waiting == 0
    assert served(lock, {"a": Usage()}) == ["holder", "a"]


def test_a_lock_with_two_holders_admits_a_second_one(clock):
    lock, order = FairLock(2, clock), []
    with lock:
        start(lock, Usage(), order, "").join(10)
    assert order == [""]


def test_clients_are_forgotten_over_time(clock):
    past, recent = client(clock, 10.0), ClientUsage(clock)
    clock.now += 60
    assert past.seconds == pytest.approx(10 / math.e)
    recent.add(3)
    assert recent.rank < past.rank
    recent.add(1)
    assert recent.rank > past.rank


def test_cores_are_counted_where_python_knows_no_affinity(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3}, raising=False)
    assert usable_cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert usable_cores() == 8
