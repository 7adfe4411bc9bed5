"""Ray engine for batch jobs: a Ray Data pipeline over actors that each have their own network.

Ray repeats the work of a crashed actor or node elsewhere. It would retry a photo that crashes every actor forever, so
actors count their attempts. Rows return to this process, each once; Ray reads and writes no results.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import socket
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow as pa

from app.batch.embedder import BatchEmbedder
from app.batch.failures import Failure
from app.batch.job import BatchJob
from app.batch.process_pool import WORKER_ENVIRONMENT, split_into_chunks
from app.batch.rows import PhotoRow
from app.batch.sources import PhotoFile
from app.errors import BatchError
from app.settings import ROOT
from app.text import display_path, first_line

if TYPE_CHECKING:
    import ray

PIPELINE_CHUNKS = 3000
"""Bounds Ray's memory for an archive, while actors restart rarely."""

# Bytes, because a path may not be valid text.
_BLOCK = pa.schema({"path": pa.binary(), "bytes": pa.int64(), "modified_ns": pa.int64()})

_PORT = 6379
_CONNECT_SECONDS = 10


class RayCluster:
    """A Ray cluster, connected when `embed` is called.

    Args:
        job: Settings and sources.
        address: `auto`, HOST or HOST:PORT of a cluster; None starts Ray on this machine alone.
        workers: Number of actors; None is one per core of the cluster.
        count: Number of photos.
    """

    def __init__(self, job: BatchJob, address: str | None, workers: int | None, count: int) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray.data
        except ImportError as error:
            message = "Ray is not installed. Install it with: .venv/bin/pip install -r requirements-cluster.txt"
            raise BatchError(message) from error
        self._ray = ray
        self._job = job
        self._address = _with_port(address)
        self._workers = workers
        self._count = count

    def embed(self, photos: Iterable[PhotoFile], stop: Event) -> Generator[list[PhotoRow], None, None]:
        """Yield the rows of photos in batches, in any order, until `stop` is set.

        A failed actor raises `ray.exceptions.RayError`.
        """
        try:
            self._connect()
            workers = min(self._workers or int(self._ray.cluster_resources().get("CPU", 1)), self._count)
            counter = self._ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_AttemptCounter).remote()
            job = self._ray.put(self._job)
            chunks = split_into_chunks(photos, self._count, workers)
            while part := list(itertools.islice(chunks, PIPELINE_CHUNKS)):
                blocks = [_to_block(chunk) for chunk in part]
                pipeline = self._ray.data.from_arrow(blocks).map_batches(
                    _Actor,
                    fn_constructor_args=(job, counter),
                    compute=self._ray.data.ActorPoolStrategy(size=workers),
                    batch_size=None,
                    batch_format="pyarrow",
                    num_cpus=1,
                )
                for batch in pipeline.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                    yield [pickle.loads(row) for row in batch.column("row").to_pylist()]
                    if stop.is_set():
                        return
        except self._ray.exceptions.RayActorError as error:
            # Ray restarts actors that crash later.
            raise BatchError(f"A Ray actor crashed while it started: {str(error).strip()}") from error
        finally:
            self._ray.shutdown()

    def _connect(self) -> None:
        try:
            _check_reachable(self._address)
            self._ray.init(
                address=self._address or "local",
                runtime_env={"env_vars": WORKER_ENVIRONMENT | {"PYTHONPATH": str(ROOT)}},
                include_dashboard=None if self._address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, ValueError, self._ray.exceptions.AuthenticationError) as error:
            location = "runs on this machine" if self._address == "auto" else f"answers at {self._address}"
            # Ray's error does not distinguish a missing cluster from one that requires a token.
            hint = "" if isinstance(error, ConnectionRefusedError) else " If it needs a token, set RAY_AUTH_MODE=token."
            raise BatchError(f"No Ray cluster {location} ({first_line(error)}).{hint}") from error
        context = self._ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)


def _with_port(address: str | None) -> str | None:
    if not address or address == "auto" or "://" in address:
        return address
    try:
        port = urlsplit(f"//{address}").port
    except ValueError as error:
        raise BatchError(f"{address}: Invalid address of a Ray cluster ({error}). Use HOST or HOST:PORT.") from error
    return address if port else f"{address}:{_PORT}"


def _check_reachable(address: str | None) -> None:
    """Raise OSError or ValueError if nothing listens at the address; Ray retries for minutes."""
    if address and address != "auto":
        url = urlsplit(address if "://" in address else f"ray://{address}")
        socket.create_connection((url.hostname, url.port or _PORT), _CONNECT_SECONDS).close()


def _to_block(photos: Sequence[PhotoFile]) -> pa.Table:
    return pa.Table.from_pylist([photo._asdict() | {"path": os.fsencode(photo.path)} for photo in photos], _BLOCK)


def _from_block(block: pa.Table) -> list[PhotoFile]:
    return [PhotoFile(**row | {"path": os.fsdecode(row["path"])}) for row in block.to_pylist()]


class _AttemptCounter:
    """An actor that outlives the others and counts how often unfinished work was started."""

    def __init__(self) -> None:
        self._attempts: Counter[str] = Counter()

    def start(self, key: str) -> int:
        self._attempts[key] += 1
        return self._attempts[key]

    def finish(self, key: str) -> None:
        del self._attempts[key]


class _Actor:
    def __init__(self, job: ray.ObjectRef, counter: ray.actor.ActorHandle) -> None:
        import ray

        self._counter = counter
        self._embedder = BatchEmbedder.load(ray.get(job))

    def __call__(self, block: pa.Table) -> pa.Table:
        """Return the rows of a block of photos.

        A block that failed or crashed its actor is retried photo by photo. A photo that fails again is reported as an
        error.
        """
        photos = _from_block(block)
        with self._attempt(f"block of {display_path(photos[0].path)}") as attempt:
            try:
                rows = self._embed(photos) if attempt == 1 else [self._retry(photo) for photo in photos]
            except Exception:  # A photo's: the retry reports it.
                rows = [self._retry(photo) for photo in photos]
            return pa.table({"row": [pickle.dumps(row) for row in rows]})

    def _retry(self, photo: PhotoFile) -> PhotoRow:
        with self._attempt(display_path(photo.path)) as attempt:
            if attempt > 1:
                return PhotoRow(photo, failure=Failure.crash("a Ray actor"))
            try:
                return self._embed([photo])[0]
            except Exception as error:
                return PhotoRow(photo, failure=Failure.exception(error))

    def _embed(self, photos: list[PhotoFile]) -> list[PhotoRow]:
        return [row for rows in self._embedder.embed(photos) for row in rows]

    @contextmanager
    def _attempt(self, key: str) -> Iterator[int]:
        import ray

        yield ray.get(self._counter.start.remote(key))
        self._counter.finish.remote(key)
