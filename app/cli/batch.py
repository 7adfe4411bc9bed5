"""`identify --out`: an archive into a folder of results, with progress, rate, time left and a summary."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app import text
from app.cli import progress
from app.settings import Settings

if TYPE_CHECKING:
    from app.batch.identifier import Job
    from app.batch.results import Results
    from app.batch.runner import Engine

_TOLD_SECONDS = 60


def name_archive(
    settings: Settings,
    paths: tuple[str, ...],
    out: Path,
    csv_file: Path | None,
    retry: bool,
    workers: int | None,
    engine: str,
    address: str | None,
) -> bool:
    """Name everybody in an archive, and return whether every file could be read.

    Args:
        settings: FPIR, detector, network and gallery to use.
        paths: files, folders and URLs.
        out: folder of results.
        csv_file: file to write a row a face into, or None.
        retry: try files again that could not be read before.
        workers: processes or actors; default: one a core.
        engine: "pool" or "ray".
        address: of a Ray cluster, or None.
    """
    if address and engine != "ray":
        raise click.UsageError("--address goes with --engine ray.")
    from app.batch import runner
    from app.batch.results import Results
    from app.batch.sources import PhotoSources

    complaints: list[str] = []

    def complain(sentence: str) -> None:
        complaints.append(sentence)
        click.echo(sentence, err=True)

    places = PhotoSources(paths)
    job, origin = runner.prepare(settings, places)
    with Results(out, origin) as results:
        if retry:
            click.echo(f"{text.count(results.forget_errors(), 'file')} to be tried again.", err=True)
        if results.older_gallery:
            click.echo(f"The gallery has changed since {out} was begun; rows that are there stay.", err=True)
        done = results.done()
        with progress.waiting("Looking for pictures..."):
            counted = runner.count(places, done, complain)
        if counted.done:
            click.echo(f"{text.count(counted.done, 'picture')} done before, {counted.missing} to do.", err=True)
        if counted.missing:
            doer = _engine(job, engine, counted.missing, workers, address)
            with _told(counted.missing) as tick, _stoppable(out):
                runner.go_on(places, done, results, doer, tick)
    return _finish(results, csv_file) and not complaints


def _engine(job: Job, name: str, missing: int, workers: int | None, address: str | None) -> Engine:
    if name == "ray":
        from app.batch import ray_engine

        return ray_engine.Cluster(job, address, workers, missing).rows
    from app.batch import process_pool

    workers = min(workers or len(os.sched_getaffinity(0)), missing)
    return partial(process_pool.rows, job, workers, missing)


@contextmanager
def _told(total: int) -> Iterator[Any]:
    """Progress: a bar where somebody watches, else a line a minute."""
    began = told = time.monotonic()
    done = 0
    with progress.bar(total, "picture") as shown:

        def tick(count: int) -> None:
            nonlocal told, done
            done += count
            shown.update(count)
            now = time.monotonic()
            if shown.disable and now - told >= _TOLD_SECONDS:
                told, rate = now, done / (now - began)
                left = timedelta(seconds=round((total - done) / rate))
                click.echo(f"{done} of {total} pictures, {rate:.1f} a second, {left} left", err=True)

        yield tick
    seconds = time.monotonic() - began
    click.echo(f"{text.count(done, 'picture')} in {timedelta(seconds=round(seconds))}: {done / seconds:.1f} a second.")


@contextmanager
def _stoppable(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise click.ClickException(
            f"Stopped. What was done is in {out}; the same command goes on with the rest."
        ) from error


def _finish(results: Results, csv_file: Path | None) -> bool:
    """Write the CSV, and tell what the results hold; whether all files could be read."""
    if csv_file:
        results.write_csv(csv_file)
    total = results.summary()
    verdicts = total.verdicts
    lines = [
        ("photos", total.photos),
        ("faces", total.faces),
        ("matches", verdicts["match"]),
        ("ambiguous", verdicts["ambiguous"]),
        ("unknown", verdicts["unknown"]),
        ("low quality", verdicts["low_quality"]),
        ("errors", total.errors),
    ]
    click.echo(f"{results.folder} holds:")
    for name, number in lines:
        click.echo(f"{number:>12,} {name}")
    if total.seen_most:
        click.echo("Seen most: " + ", ".join(f"{name} ({number:,})" for name, number in total.seen_most))
    return not total.errors
