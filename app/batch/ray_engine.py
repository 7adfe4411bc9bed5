"""The cluster: the same work as one Ray Data pipeline over actors that each hold one network.

Ray reads nothing of the results and writes none: rows come back to this process, each once. Ray does the work of a
node or an actor that dies again elsewhere, and only what was under way there; it would do so without end with a
picture that ends every actor, so actors keep a tally of what they begin.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.batch import process_pool, rows
from app.batch.identifier import THREADS, BatchIdentifier, Job
from app.batch.sources import shown
from app.errors import BatchError
from app.settings import ROOT

if TYPE_CHECKING:
    import pyarrow as pa
    import ray.data

STRETCH = 3000
"""Chunks of one pipeline: what Ray knows of an archive is bounded, and actors are started anew seldom enough."""

_PORT = 6379
_KNOCK_SECONDS = 10

_MISSING = "Ray is not installed. Install it with: .venv/bin/pip install -r requirements-cluster.txt"


class Cluster:
    """A connection to Ray, made when rows are asked for.

    Args:
        job: what the actors have to know.
        address: `auto`, HOST or HOST:PORT of a cluster; None starts Ray on this machine alone.
        workers: actors; None is one for each core of the cluster.
        pictures: how many there will be.

    Raises:
        BatchError: Ray is not installed, or the address is none.
    """

    def __init__(self, job: Job, address: str | None, workers: int | None, pictures: int) -> None:
        # Ray would tell its makers about every cluster.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray.data
        except ImportError as error:
            raise BatchError(_MISSING) from error
        self._ray = ray
        self._job = job
        self._address = _with_port(address)
        self._workers = workers
        self._pictures = pictures

    def rows(self, places: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
        """The rows of all pictures, each once, some at a time, in any order.

        Raises:
            BatchError: the cluster cannot be reached, or actors cannot be started there.
            ray.exceptions.RayError: an actor failed; it tells where.
        """
        try:
            self._connect()
            workers = min(self._workers or self._room(), self._pictures)
            needs = (self._ray.put(self._job), self._tally())
            chunks = process_pool.chunks(places, self._pictures, workers)
            while stretch := list(itertools.islice(chunks, STRETCH)):
                pipeline = self._pipeline(stretch, needs, workers)
                for some in pipeline.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                    yield some.to_pylist()
        except self._ray.exceptions.RayActorError as error:
            # One that ends later is started again.
            raise BatchError(f"A Ray actor ended while it started: {str(error).strip()}") from error
        finally:
            self._ray.shutdown()

    def _room(self) -> int:
        """How many actors the cluster has room for."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def _tally(self) -> ray.actor.ActorHandle:
        return self._ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Tally).remote()

    def _pipeline(self, chunks: list[tuple[str, ...]], needs: tuple, workers: int) -> ray.data.Dataset:
        """One pipeline: blocks of pictures -> blocks of rows."""
        import pyarrow as pa

        # Bytes, since a path need not be valid text.
        blocks = [pa.table({"place": [os.fsencode(place) for place in chunk]}) for chunk in chunks]
        return self._ray.data.from_arrow(blocks).map_batches(
            _Actor,
            fn_constructor_args=needs,
            compute=self._ray.data.ActorPoolStrategy(size=workers),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=1,
        )

    def _connect(self) -> None:
        environment = THREADS | {"PYTHONPATH": str(ROOT)}
        try:
            _knock(self._address)
            self._ray.init(
                address=self._address or "local",
                runtime_env={"env_vars": environment},
                include_dashboard=None if self._address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, ValueError, self._ray.exceptions.AuthenticationError) as error:
            reason = str(error).strip().split("\n")[0].rstrip(".")
            where = "runs on this machine" if self._address == "auto" else f"answers at {self._address}"
            # Ray does not tell a cluster that wants a token from none.
            hint = "" if isinstance(error, ConnectionRefusedError) else " If it asks for a token: RAY_AUTH_MODE=token."
            raise BatchError(f"No Ray cluster {where} ({reason}).{hint}") from error
        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)


def _with_port(address: str | None) -> str | None:
    """An address as Ray takes it, which needs a port."""
    if not address or address == "auto" or "://" in address:
        return address
    try:
        port = urlsplit(f"//{address}").port
    except ValueError as error:
        raise BatchError(f"{address}: This is no HOST:PORT of a Ray cluster ({error}).") from error
    return address if port else f"{address}:{_PORT}"


def _knock(address: str | None) -> None:
    """Raise OSError or ValueError where nobody listens: Ray itself would try for many minutes."""
    if address and address != "auto":
        there = urlsplit(address if "://" in address else f"ray://{address}")
        socket.create_connection((there.hostname, there.port or _PORT), _KNOCK_SECONDS).close()


class _Tally:
    """What actors have begun and not ended: the only one who knows when an actor or its node is gone."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, what: str) -> int:
        """Count a beginning; how often it has been begun since it was last ended."""
        self._begun[what] += 1
        return self._begun[what]

    def end(self, what: str) -> None:
        """Forget what is done."""
        del self._begun[what]


class _Actor:
    """One network on some node."""

    def __init__(self, job: ray.ObjectRef, tally: ray.actor.ActorHandle) -> None:
        import ray

        self._tally = tally
        self._namer = BatchIdentifier(ray.get(job))

    def __call__(self, block: pa.Table) -> pa.Table:
        """The rows of a block of pictures: of one that ended an actor or its node one by one, for it may have been
        one of them. One that does so again is given up.
        """
        import pyarrow as pa

        places = [os.fsdecode(place) for place in block.column("place").to_pylist()]
        with self._tallied(f"block of {shown(places[0])}") as times:
            answers = self._rows(places) if times == 1 else [self._row(place) for place in places]
            return pa.Table.from_pylist(answers, rows.schema())

    def _row(self, place: str) -> dict[str, Any]:
        with self._tallied(shown(place)) as times:
            return self._rows([place])[0] if times == 1 else process_pool.killed(place)

    def _rows(self, places: list[str]) -> list[dict[str, Any]]:
        return [row for some in self._namer.batches(places) for row in some]

    @contextmanager
    def _tallied(self, what: str) -> Iterator[int]:
        """Do something that may end this process; how often that was begun."""
        import ray

        yield ray.get(self._tally.begin.remote(what))
        self._tally.end.remote(what)
