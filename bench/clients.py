"""What a server answers beside its core alone: `.venv/bin/python -m bench.clients [--seconds 10] [--rounds 3]`.

Photos a second and the time of an answer with 1, 4 and 16 clients that each send the next photo when the last is
answered, beside the core in one process that nobody asks over a network. All by turns in one run, on one photo of a
megapixel with one face; medians of the rounds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import numpy as np

from app.recognition.recognizer import Recognizer
from app.settings import Settings
from bench.client import ready
from bench.load import closed
from tests import photos

CLIENTS = (1, 4, 16)


def core(recognizer: Recognizer, data: bytes, seconds: float) -> float:
    """Photos a second of the core, one after the other."""
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        recognizer.identify(data)
        count += 1
    return count / (time.monotonic() - began)


@click.command()
@click.option("--seconds", default=10.0, show_default=True, help="Of each measurement.")
@click.option("--rounds", default=3, show_default=True)
def main(seconds: float, rounds: int) -> None:
    """Measure and print."""
    data = photos.encode(photos.paste(photos.portraits()[photos.PERSON], size=(1200, 840), side=380))
    rates: dict[int, list[float]] = {0: [], **{clients: [] for clients in CLIENTS}}
    times: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    with (
        tempfile.TemporaryDirectory() as folder,
        ready(Path(folder), FACES_RATE_LIMIT="off", FACES_QUEUE="32") as server,
    ):
        recognizer = Recognizer.load(Settings(database_url=f"sqlite:///{folder}/bench.sqlite"))
        recognizer.warm_up()
        for turn in range(rounds + 1):
            length = seconds if turn else 2.0  # The first is for warming up.
            found = {0: core(recognizer, data, length)}
            for clients in CLIENTS:
                found[clients], took = closed(server, data, clients, length)
                if turn:
                    times[clients] += took
            if turn:
                for clients, rate in found.items():
                    rates[clients].append(rate)
    print(f"{'':<12}{'photos/s':>10}{'of the core':>13}{'median':>10}{'95 %':>10}{'99 %':>10}")
    print(f"{'core alone':<12}{np.median(rates[0]):>10.1f}")
    for clients in CLIENTS:
        share = np.median(np.divide(rates[clients], rates[0]))
        middle, most, nearly_all = (1000 * value for value in np.percentile(times[clients], [50, 95, 99]))
        name = "1 client" if clients == 1 else f"{clients} clients"
        print(
            f"{name:<12}{np.median(rates[clients]):>10.1f}{share:>13.2f}"
            f"{middle:>7.0f} ms{most:>7.0f} ms{nearly_all:>7.0f} ms"
        )


if __name__ == "__main__":
    main()
