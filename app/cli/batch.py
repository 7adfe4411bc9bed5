"""Batch job of `library index` and `identify --out`: options, progress, remaining time and a summary."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain
from pathlib import PurePath
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app import text
from app.cli import common
from app.cli.common import print_line, progress_bar
from app.scheduling import usable_cores

if TYPE_CHECKING:
    from app.batch.job import BatchJob
    from app.batch.rows import Engine, PhotoRow
    from app.batch.sources import PhotoFile
    from app.gallery.store import Gallery
    from app.library.indexing import Changes, IndexRun
    from app.library.naming import NamingReport, Renaming
    from app.library.store import Library
    from app.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_LOG_SECONDS = 60
_RATE_SECONDS = 60
_LEAST_SECONDS = 2
"""Longest and shortest time over which the rate is averaged."""
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_SKIPPED_ENDINGS = 5
_SIDECAR = ".xmp"
"""Belongs to a photo: see `library write-metadata`."""
_OTHER_DETECTION = (
    "The detector or its settings have changed since the last run. Photos that were searched before keep their faces."
)


@dataclass(frozen=True)
class Workers:
    """Options of the commands that process archives: see `options`."""

    retry: bool = False
    count: int | None = None
    engine: str = "pool"
    address: str | None = None

    def __post_init__(self) -> None:
        """Check the options together."""
        if self.address and self.engine != "ray":
            raise click.UsageError("--address requires --engine ray.")

    @property
    def are_default(self) -> bool:
        """Whether no option was given."""
        return self == Workers()


def options(condition: str) -> Callable[[F], F]:
    """Add --retry, --workers, --engine and --address, whose help begins with a condition, to a command."""
    added = (
        click.option("--retry", is_flag=True, help=f"{condition}Retry files that could not be read before."),
        click.option(
            "--workers", type=click.IntRange(1), help=f"{condition}Processes or Ray actors; default: one per core."
        ),
        click.option(
            "--engine", type=click.Choice(["pool", "ray"]), default="pool", help=f"{condition}This machine or Ray."
        ),
        click.option("--address", help="With --engine ray: auto or HOST[:PORT] of a cluster; default: this machine."),
    )

    def decorate(command: F) -> F:
        for option in reversed(added):
            command = option(command)
        return command

    return decorate


def index_archive(
    settings: Settings,
    sources: Sequence[str],
    library: Library,
    workers: Workers,
    thumbnails: bool = False,
    forget_missing: bool = False,
    videos: bool = True,
) -> bool:
    """Index an archive of photos, name its faces, and return whether all sources could be listed.

    Bad photos become errors of the library. Photos of empty and missing folders are kept unless `forget_missing`,
    since a disk may not be mounted.
    """
    from app.batch.job import BatchJob
    from app.batch.sources import PhotoSources, resolve
    from app.library.disks import MissingDisks
    from app.library.indexing import IndexRun, retry_errors

    errors: list[str] = []
    skipped: Counter[str] = Counter()

    def on_error(message: str) -> None:
        errors.append(message)
        print_line(message, err=True)

    missing: list[str] = []

    def on_missing(message: str) -> None:
        missing.append(message)
        if forget_missing:
            print_line(message, err=True)
        else:
            on_error(message)

    def on_skip(path: PurePath) -> None:
        suffix = path.suffix.lower()
        if suffix != _SIDECAR:
            skipped[suffix or "no ending"] += 1

    job = BatchJob.prepare(settings, PhotoSources(list(map(resolve, sources)), videos), thumbnails)
    with library.lock(), closing(common.open_gallery(settings)) as gallery:
        library.audit = gallery.audit
        if library.check_origin(job.origin):
            click.echo(_OTHER_DETECTION, err=True)
        if workers.retry:
            click.echo(f"Retrying {text.count(retry_errors(library), 'file')}.", err=True)
        run = IndexRun(library, job.digest)
        photos = job.sources.photos(on_error, on_skip, on_missing)
        with progress_bar(None, "photo", desc="Searching for photos", iterable=photos) as bar:
            known, pending = run.list_files(bar, thumbnails)
        if skipped:
            endings = ", ".join(f"{count:,} {ending}" for ending, count in skipped.most_common(_SKIPPED_ENDINGS))
            click.echo(f"{text.count(skipped.total(), 'other file')} skipped: {endings}.", err=True)
        if known:
            click.echo(f"{text.count(known, 'photo')} already done, {pending:,} remaining.", err=True)
        if pending:
            _process(run, job, pending, workers, library)
        disks = MissingDisks(library)
        # A missing folder may be a disk that is not mounted.
        run.finish(
            lambda file: (forget_missing or not missing) and job.sources.contains(file),
            lambda file: not forget_missing and disks.may_have(file),
        )
        disks.record_mounts(run.files())
        _print_changes(run.changes)
        for folder, count in disks.counts.items():
            on_error(
                f"{folder}: {text.count(count, 'photo')} missing, perhaps because a disk is not mounted. The library "
                "keeps them. To forget them, add --forget-missing."
            )
        name_library(settings, library, gallery)
    print_summary(library)
    return not errors


def name_library(
    settings: Settings, library: Library, gallery: Gallery, on_change: Callable[[Renaming], object] = lambda _: None
) -> NamingReport:
    """Judge the faces of a locked library against the gallery."""
    from app.library.naming import name_faces
    from app.recognition.model_card import read_card

    card = read_card(settings.model)
    everyone = gallery.people()
    snapshot = gallery.snapshot()
    rules = card.rules.for_gallery(settings.fpir, snapshot.shifts)
    with progress_bar(None, "face", desc="Naming") as bar:
        return name_faces(library, everyone, snapshot, card, rules, settings.database_url, on_change, bar.update)


def _process(run: IndexRun, job: BatchJob, pending: int, workers: Workers, library: Library) -> None:
    photos: Iterator[PhotoFile] = run.pending()
    try:
        with _stop_on_signals() as stop:
            # The workers start if any file is no copy. Copies of a file that could not be processed need another round.
            while not stop.is_set() and (first := next(photos, None)):
                embed = _engine(job, pending, workers)
                with closing(embed(chain([first], photos), stop)) as batches:
                    for rows in _report_progress(batches, pending, run):
                        run.add(rows)
                photos = iter(run.leftover())
        if stop.is_set() and run.done < pending:
            raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        message = f"Stopped. Results so far are in {library.folder}. Repeat the command to resume."
        raise click.ClickException(message) from error
    finally:
        run.flush()


@contextmanager
def _stop_on_signals() -> Iterator[Event]:
    """Set an event at Ctrl-C and SIGTERM. A second signal has its usual effect."""
    stop = Event()

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, previous[signal.Signals(number)])
        stop.set()
        # The signal may have interrupted another write, which buffered streams do not allow.
        os.write(2, b"\nFinishing the photos in progress. Press Ctrl-C again to stop immediately.\n")

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _engine(job: BatchJob, count: int, workers: Workers) -> Engine:
    if workers.engine == "ray":
        from app.batch.ray_engine import RayCluster

        return RayCluster(job, workers.address, workers.count, count).embed
    from app.batch.process_pool import ProcessPool

    return ProcessPool(job, min(workers.count or usable_cores(), count), count).embed


def _report_progress(batches: Iterator[list[PhotoRow]], total: int, run: IndexRun) -> Iterator[list[PhotoRow]]:
    """Show a bar on a terminal, else print a line per minute, and print the throughput at the end."""
    from app.vision.photo_files import is_video

    start = last_log = time.monotonic()
    processed = videos = 0
    progress = _Progress(total)
    with progress_bar(total, "photo", desc="Loading the network", bar_format=_BAR) as bar:
        for rows in batches:
            yield rows
            processed += len(rows)
            videos += sum(is_video(row.file.path) for row in rows)
            now = time.monotonic()
            estimate = progress.estimate(now, run.done)
            bar.set_description_str("", refresh=False)
            bar.set_postfix_str(estimate, refresh=False)
            bar.update(run.done - bar.n)
            if bar.disable and now - last_log >= _LOG_SECONDS:
                last_log = now
                click.echo(f"{run.done} of {total} photos, {estimate}", err=True)
    seconds = time.monotonic() - start
    duration = timedelta(seconds=round(seconds))
    counts = [text.count(processed - videos, "photo")] * (processed > videos or not videos)
    counts += [text.count(videos, "video")] * (videos > 0)
    click.echo(f"{' and '.join(counts)} in {duration}: {processed / seconds:.1f} per second.")


class _Progress:
    """Rate of the last minute and remaining time. The start of the workers, and an earlier speed, do not count."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._recent: deque[tuple[float, int]] = deque()

    def estimate(self, now: float, done: int) -> str:
        """Return the rate and the remaining time as text, when `done` photos are finished after `now` seconds."""
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > _RATE_SECONDS:
            self._recent.popleft()
        first, first_done = self._recent[0]
        if now - first < _LEAST_SECONDS:
            return "measuring the speed"
        rate = (done - first_done) / (now - first)
        left = timedelta(seconds=round((self._total - done) / rate)) if rate else "unknown time"
        return f"{rate:.1f} per second, {left} left"


def _print_changes(changes: Changes) -> None:
    if counts := [f"{count:,} {what.replace('_', ' ')}" for what, count in asdict(changes).items() if count]:
        click.echo(f"Files: {', '.join(counts)}.")


def print_summary(library: Library) -> None:
    """Print what a library contains."""
    from app.library.summary import summarize

    summary = summarize(library)
    click.echo(f"Library {library.folder}:")
    verdicts = {name: summary.verdicts[name] for name in ("match", "ambiguous", "unknown", "low_quality")}
    verdicts |= {name: count for name, count in sorted(summary.verdicts.items()) if name not in verdicts}
    videos = {"videos": summary.videos} if summary.videos else {}
    counts = {"photos": summary.photos, **videos, "faces": summary.faces, **verdicts, "errors": summary.errors}
    for name, count in counts.items():
        click.echo(f"{count:>12,} {name.replace('_', ' ')}")
    if summary.people:
        click.echo("Most frequent: " + ", ".join(f"{name} ({count:,})" for name, count in summary.people))
    for file, message in summary.failures:
        print_line(f"{file}: {message}", err=True)
    if hidden := summary.errors - len(summary.failures):
        click.echo(f"{hidden:,} more files have an error: see the column `error` of the export.", err=True)
