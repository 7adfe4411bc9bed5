"""Ray Data on three nodes of this machine, one of which is killed in the middle."""

from __future__ import annotations

import sys
import time

import pytest

from app.batch import ray_engine
from app.errors import BatchError
from tests.batch.conftest import assert_killed, assert_same
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


# Ray warns about its own defaults.
@slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_a_killed_node_loses_no_row_and_doubles_none(nodes, job, expected):
    whole, others = nodes
    rows = []
    for some in ray_engine.Cluster(job, whole.address, None, len(expected)).rows(job.places.all()):
        if not rows:
            wait_for_actor(others[0].node_id)
            whole.remove_node(others[0], allow_graceful=False)
        rows += some
    assert_same(sorted(rows, key=lambda row: row["file"]), expected)


@slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_pictures_that_kill_their_process_are_rows_with_their_error(job, deadly, monkeypatch):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    monkeypatch.setattr(ray_engine, "ROOT", deadly)
    places = map(str, range(40))
    assert_killed([row for some in ray_engine.Cluster(job, None, 2, 40).rows(places) for row in some], 40)


def wait_for_actor(node: str) -> None:
    """Wait until a network is loaded on a node."""
    from ray._private import state

    for _ in range(600):
        if any(one["Address"]["NodeID"] == node and one["State"] == "ALIVE" for one in state.actors().values()):
            return
        time.sleep(0.1)
    raise TimeoutError("No actor came to life on the node.")


def test_a_cluster_that_is_not_there_is_told(job):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    with pytest.raises(BatchError, match=r"^No Ray cluster answers at localhost:1 "):
        list(ray_engine.Cluster(job, "localhost:1", None, 1).rows(["a.jpg"]))


@pytest.mark.parametrize(("given", "known"), [("", None), ("auto", "auto"), ("h", "h:6379"), ("h:1", "h:1")])
def test_an_address_needs_no_port(job, given, known):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    assert ray_engine.Cluster(job, given or None, None, 1)._address == known


def test_addresses_that_are_none(job):
    pytest.importorskip("ray", reason="needs requirements-cluster.txt")
    with pytest.raises(BatchError, match=r"^h:x: This is no HOST:PORT of a Ray cluster "):
        ray_engine.Cluster(job, "h:x", None, 1)


def test_without_ray_it_says_how_to_install_it(job, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with pytest.raises(BatchError, match=r"pip install -r requirements-cluster\.txt"):
        ray_engine.Cluster(job, None, None, 1)
