"""Ray Data on three local nodes, one of which is killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from app.batch import ray_engine
from app.batch.ray_engine import RayCluster
from app.batch.sources import PhotoFile, PhotoSources
from app.errors import BatchError
from tests.batch.conftest import assert_crashes_reported, assert_same
from tests.slow import slow


@pytest.fixture
def nodes():
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    from ray.cluster_utils import Cluster

    cores = {"num_cpus": 1, "object_store_memory": 80_000_000}
    nodes = Cluster(initialize_head=True, head_node_args=cores | {"include_dashboard": False})
    try:
        yield nodes, [nodes.add_node(**cores) for _ in range(2)]
    finally:
        nodes.shutdown()


class HeldSources(PhotoSources):
    """Sources whose photos can be read once a file exists."""

    def __init__(self, sources: Sequence[str], released: Path) -> None:
        super().__init__(sources)
        self._released = released

    def read(self, photo: str, max_bytes: int) -> bytes:
        while not self._released.exists():
            time.sleep(0.05)
        return super().read(photo, max_bytes)


# Ray warns about its own defaults.
@slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_a_killed_node_loses_and_repeats_no_row(nodes, job, expected, tmp_path):
    cluster, workers = nodes
    released = tmp_path / "released"

    def kill_node() -> None:
        try:
            wait_for_actor(workers[0].node_id)
            cluster.remove_node(workers[0], allow_graceful=False)
        finally:
            released.touch()

    held = replace(job, sources=HeldSources(job.sources.sources, released))
    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill_node)
        batches = RayCluster(held, cluster.address, None, len(expected)).embed(held.sources.photos(), Event())
        rows = [row for batch in batches for row in batch]
        killed.result()
    assert_same(rows, expected)


@slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_photos_that_fail_are_reported(job, crashing, monkeypatch):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    monkeypatch.setattr(ray_engine, "ROOT", crashing)
    photos = [PhotoFile(str(number)) for number in range(20)]
    rows = [row for batch in RayCluster(job, None, 2, 20).embed(photos, Event()) for row in batch]
    assert_crashes_reported(rows, 20)


def wait_for_actor(node: str) -> None:
    """Wait until Ray is connected and an actor runs on a node."""
    import ray
    from ray._private import state

    for _ in range(1200):
        actors = state.actors().values() if ray.is_initialized() else ()
        if any(actor["Address"]["NodeID"] == node and actor["State"] == "ALIVE" for actor in actors):
            return
        time.sleep(0.1)
    raise TimeoutError("No actor started on the node.")


def test_an_unreachable_cluster_is_reported(job):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    with pytest.raises(BatchError, match=r"^No Ray cluster answers at localhost:1 "):
        list(RayCluster(job, "localhost:1", None, 1).embed([PhotoFile("a.jpg")], Event()))


@pytest.mark.parametrize(("address", "expected"), [("", None), ("auto", "auto"), ("h", "h:6379"), ("h:1", "h:1")])
def test_the_port_is_optional(job, address, expected):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    assert RayCluster(job, address or None, None, 1)._address == expected


def test_a_malformed_address_is_rejected(job):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    with pytest.raises(BatchError, match=r"^h:x: Invalid address of a Ray cluster "):
        RayCluster(job, "h:x", None, 1)


def test_a_missing_ray_package_is_reported(job, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(BatchError, match=r"pip install -r requirements-cluster\.txt"):
        RayCluster(job, None, None, 1)
