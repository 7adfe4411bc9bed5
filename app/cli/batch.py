"""Batch job of `identify --out`: progress, throughput, remaining time and a summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli.progress import progress_bar, status_line

if TYPE_CHECKING:
    from app.batch.identifier import BatchJob
    from app.batch.results import Results
    from app.batch.runner import Engine
    from app.settings import Settings

_LOG_SECONDS = 60
_MOST_FREQUENT = 10


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
    """Identify an archive of photos, and return whether every file could be read.

    Args:
        settings: FPIR, detector, network and gallery.
        sources: Files, folders and URLs.
        out: Result folder.
        csv_file: CSV file to write, one line per face.
        retry: Retry files that could not be read before.
        workers: Number of processes or actors; None is one per core.
        engine: "pool" or "ray".
        address: Address of a Ray cluster; None starts Ray on this machine.
    """
    if address and engine != "ray":
        raise click.UsageError("--address requires --engine ray.")
    from app.batch import runner
    from app.batch.results import Results
    from app.batch.sources import PhotoSources

    errors: list[str] = []

    def on_error(message: str) -> None:
        errors.append(message)
        click.echo(message, err=True)

    photo_sources = PhotoSources(sources)
    job, origin = runner.prepare_job(settings, photo_sources)
    with Results(out, origin) as results:
        if retry:
            click.echo(f"Retrying {text.count(results.remove_errors(), 'file')}.", err=True)
        if results.older_gallery:
            click.echo(f"The gallery has changed since {out} was started. Existing rows stay as they were.", err=True)
        finished = results.finished_files()
        with status_line("Searching for photos ..."):
            done, remaining = runner.count_photos(photo_sources, finished, on_error)
        if done:
            click.echo(f"{text.count(done, 'photo')} already done, {remaining:,} remaining.", err=True)
        if remaining:
            with _report_progress(remaining) as on_progress, _report_stop(out):
                identify = _engine(job, engine, remaining, workers, address)
                runner.run(photo_sources, finished, results, identify, on_progress)
    if csv_file:
        results.write_csv(csv_file)
    return _print_summary(results) and not errors


def _engine(job: BatchJob, name: str, count: int, workers: int | None, address: str | None) -> Engine:
    if name == "ray":
        from app.batch.ray_engine import RayCluster

        return RayCluster(job, address, workers, count).identify
    from app.batch.process_pool import ProcessPool

    return ProcessPool(job, min(workers or len(os.sched_getaffinity(0)), count), count).identify


@contextmanager
def _report_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, else print a line per minute; yield the function that counts photos."""
    start = last_log = time.monotonic()
    done = 0
    with progress_bar(total, "photo") as bar:

        def on_progress(count: int) -> None:
            nonlocal last_log, done
            done += count
            bar.update(count)
            now = time.monotonic()
            if bar.disable and now - last_log >= _LOG_SECONDS:
                last_log, rate = now, done / (now - start)
                left = timedelta(seconds=round((total - done) / rate))
                click.echo(f"{done} of {total} photos, {rate:.1f} per second, {left} left", err=True)

        yield on_progress
    seconds = time.monotonic() - start
    click.echo(f"{text.count(done, 'photo')} in {timedelta(seconds=round(seconds))}: {done / seconds:.1f} per second.")


@contextmanager
def _report_stop(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise click.ClickException(f"Stopped. Results so far are in {out}. Repeat the command to resume.") from error


def _print_summary(results: Results) -> bool:
    """Print what the result folder contains, and return whether all files could be read."""
    summary = results.summary()
    click.echo(f"Results in {results.folder}:")
    for label, count in (
        ("photos", summary.photos),
        ("faces", summary.faces),
        ("match", summary.verdicts["match"]),
        ("ambiguous", summary.verdicts["ambiguous"]),
        ("unknown", summary.verdicts["unknown"]),
        ("low quality", summary.verdicts["low_quality"]),
        ("errors", summary.errors),
    ):
        click.echo(f"{count:>12,} {label}")
    if people := summary.most_frequent(_MOST_FREQUENT):
        click.echo("Most frequent: " + ", ".join(f"{name} ({count:,})" for name, count in people))
    return not summary.errors
