"""Batch job of `identify --out`: progress, throughput, remaining time and a summary."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path, PurePath
from threading import Event
from typing import TYPE_CHECKING

import click

from app import text
from app.cli.common import print_line, progress_bar

if TYPE_CHECKING:
    from app.batch.job import BatchJob, Engine, Row
    from app.batch.results import Results
    from app.batch.sources import PhotoFile
    from app.settings import Settings

_LOG_SECONDS = 60
_RATE_SECONDS = 60
_LEAST_SECONDS = 2
"""Longest and shortest time over which the rate is averaged."""
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_MOST_FREQUENT = 10
_SKIPPED_ENDINGS = 5


def run_batch_job(
    settings: Settings,
    sources: tuple[str, ...],
    out: Path,
    csv_file: Path | None,
    retry: bool,
    workers: int | None,
    engine: str,
    address: str | None,
) -> bool:
    """Identify an archive of photos, and return whether all sources could be listed. Bad photos have error rows."""
    if address and engine != "ray":
        raise click.UsageError("--address requires --engine ray.")
    from app.batch.job import BatchJob
    from app.batch.results import FileVersions, Results
    from app.batch.sources import PhotoSources, resolve

    errors: list[str] = []
    skipped: Counter[str] = Counter()

    def on_error(message: str) -> None:
        errors.append(message)
        print_line(message, err=True)

    def on_skip(path: PurePath) -> None:
        skipped[path.suffix.lower() or "no ending"] += 1

    job = BatchJob.prepare(settings, PhotoSources(list(map(resolve, sources))))
    with Results(out, job.origin) as results:
        if retry:
            click.echo(f"Retrying {text.count(results.remove_errors(), 'file')}.", err=True)
        if results.older_gallery:
            click.echo(f"The gallery has changed since {out} was started. Existing rows are kept.", err=True)
        photos = job.sources.photos(on_error, on_skip)
        with progress_bar(None, "photo", desc="Searching for photos", iterable=photos) as bar:
            listed = FileVersions(map(_version, bar))
        if skipped:
            endings = ", ".join(f"{count:,} {ending}" for ending, count in skipped.most_common(_SKIPPED_ENDINGS))
            click.echo(f"{text.count(skipped.total(), 'other file')} skipped: {endings}.", err=True)
        # A folder that cannot be read may be a disk that is not mounted.
        outdated = results.remove_outdated(listed, lambda file: not errors and job.sources.contains(file))
        if outdated:
            click.echo(f"{text.count(outdated, 'row')} of changed or deleted files removed.", err=True)
        finished = results.finished()
        done, remaining = listed.count_common(finished)
        if done:
            click.echo(f"{text.count(done, 'photo')} already done, {remaining:,} remaining.", err=True)
        if remaining:
            photos = (photo for photo in job.sources.photos() if _version(photo) not in finished)
            identify = _engine(job, engine, remaining, workers, address)
            added = 0
            try:
                with _stop_on_signals() as stop, closing(identify(photos, stop)) as batches:
                    for rows in _report_progress(batches, remaining):
                        results.add(rows)
                        added += len(rows)
                if stop.is_set() and added < remaining:
                    raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                message = f"Stopped. Results so far are in {out}. Repeat the command to resume."
                raise click.ClickException(message) from error
    if csv_file:
        results.write_csv(csv_file)
    _print_summary(results)
    return not errors


def _version(photo: PhotoFile) -> PhotoFile:
    """Return a photo with the path that result rows have."""
    return photo._replace(path=text.display_path(photo.path))


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


def _engine(job: BatchJob, name: str, count: int, workers: int | None, address: str | None) -> Engine:
    if name == "ray":
        from app.batch.ray_engine import RayCluster

        return RayCluster(job, address, workers, count).identify
    from app.batch.process_pool import ProcessPool

    return ProcessPool(job, min(workers or len(os.sched_getaffinity(0)), count), count).identify


def _report_progress(batches: Iterator[list[Row]], total: int) -> Iterator[list[Row]]:
    """Show a bar on a terminal, else print a line per minute, and print the throughput at the end."""
    start = last_log = time.monotonic()
    done = 0
    progress = _Progress(total)
    with progress_bar(total, "photo", desc="Loading the network", bar_format=_BAR) as bar:
        for rows in batches:
            yield rows
            done += len(rows)
            now = time.monotonic()
            estimate = progress.estimate(now, done)
            bar.set_description_str("", refresh=False)
            bar.set_postfix_str(estimate, refresh=False)
            bar.update(len(rows))
            if bar.disable and now - last_log >= _LOG_SECONDS:
                last_log = now
                click.echo(f"{done} of {total} photos, {estimate}", err=True)
    seconds = time.monotonic() - start
    click.echo(f"{text.count(done, 'photo')} in {timedelta(seconds=round(seconds))}: {done / seconds:.1f} per second.")


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


def _print_summary(results: Results) -> None:
    """Print what the result folder contains."""
    summary = results.summary()
    click.echo(f"Results in {results.folder}:")
    verdicts = {name: summary.verdicts[name] for name in ("match", "ambiguous", "unknown", "low_quality")}
    counts = {"photos": summary.photos, "faces": summary.faces, **verdicts, "errors": summary.errors}
    for name, count in counts.items():
        click.echo(f"{count:>12,} {name.replace('_', ' ')}")
    if people := summary.people.most_common(_MOST_FREQUENT):
        click.echo("Most frequent: " + ", ".join(f"{name} ({count:,})" for name, count in people))
    for file, message in summary.failures:
        print_line(f"{file}: {message}", err=True)
    if hidden := summary.errors - len(summary.failures):
        click.echo(f"{hidden:,} more files have an error: see the column `error` of the results.", err=True)
