"""Batch job of `identify --out`: progress, throughput, remaining time and a summary."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import text
from app.cli.common import progress_bar, status_line

if TYPE_CHECKING:
    from app.batch.job import BatchJob, Engine, Row
    from app.batch.results import Results
    from app.settings import Settings

_LOG_SECONDS = 60
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
    """Identify an archive of photos, and return whether every file could be read."""
    if address and engine != "ray":
        raise click.UsageError("--address requires --engine ray.")
    from app.batch.job import BatchJob
    from app.batch.results import Results
    from app.batch.sources import PhotoSources

    errors: list[str] = []
    skipped: Counter[str] = Counter()

    def on_error(message: str) -> None:
        errors.append(message)
        click.echo(message, err=True)

    job = BatchJob.prepare(settings, PhotoSources(sources))
    with Results(out, job.origin) as results:
        if retry:
            click.echo(f"Retrying {text.count(results.remove_errors(), 'file')}.", err=True)
        if results.older_gallery:
            click.echo(f"The gallery has changed since {out} was started. Existing rows are kept.", err=True)
        finished = results.finished_files()
        with status_line("Searching for photos ..."):
            photos = job.sources.photos(on_error, lambda path: skipped.update([path.suffix.lower() or "no ending"]))
            counts = Counter(text.display_path(photo) in finished for photo in photos)
        remaining = counts[False]
        if skipped:
            endings = ", ".join(f"{count:,} {ending}" for ending, count in skipped.most_common(_SKIPPED_ENDINGS))
            click.echo(f"{text.count(skipped.total(), 'other file')} skipped: {endings}.", err=True)
        if counts[True]:
            click.echo(f"{text.count(counts[True], 'photo')} already done, {remaining:,} remaining.", err=True)
        if remaining:
            photos = (photo for photo in job.sources.photos() if text.display_path(photo) not in finished)
            identify = _engine(job, engine, remaining, workers, address)
            try:
                for rows in _report_progress(identify(photos), remaining):
                    results.add(rows)
            except KeyboardInterrupt as error:
                message = f"Stopped. Results so far are in {out}. Repeat the command to resume."
                raise click.ClickException(message) from error
    if csv_file:
        results.write_csv(csv_file)
    return _print_summary(results) and not errors


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
    with progress_bar(total, "photo") as bar:
        for rows in batches:
            yield rows
            done += len(rows)
            bar.update(len(rows))
            now = time.monotonic()
            if bar.disable and now - last_log >= _LOG_SECONDS:
                last_log, rate = now, done / (now - start)
                left = timedelta(seconds=round((total - done) / rate))
                click.echo(f"{done} of {total} photos, {rate:.1f} per second, {left} left", err=True)
    seconds = time.monotonic() - start
    click.echo(f"{text.count(done, 'photo')} in {timedelta(seconds=round(seconds))}: {done / seconds:.1f} per second.")


def _print_summary(results: Results) -> bool:
    """Print what the result folder contains, and return whether all files could be read."""
    summary = results.summary()
    click.echo(f"Results in {results.folder}:")
    verdicts = {name: summary.verdicts[name] for name in ("match", "ambiguous", "unknown", "low_quality")}
    counts = {"photos": summary.photos, "faces": summary.faces, **verdicts, "errors": summary.errors}
    for name, count in counts.items():
        click.echo(f"{count:>12,} {name.replace('_', ' ')}")
    if people := summary.people.most_common(_MOST_FREQUENT):
        click.echo("Most frequent: " + ", ".join(f"{name} ({count:,})" for name, count in people))
    return not summary.errors
