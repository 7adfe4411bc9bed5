"""Grouping of unknown faces: `.venv/bin/python -m bench.grouping accuracy|peer|suggestions|scale`.

`accuracy` compares methods on the labeled faces of a folder with `index.csv` and `targets.npy`, see shared/DATA.md, by
BCubed precision and recall (Bagga and Baldwin 1998), and `peer` does for `face_recognition` with dlib. As in a library,
groups of fewer than three faces count as single faces. `scale` groups made-up faces with the spread of the shipped
gallery in a library. Packages that are not installed are left out; `pip install --target FOLDER scipy scikit-learn` and
PYTHONPATH=FOLDER add them.
"""

from __future__ import annotations

import csv
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import click
import numpy as np

from app.arrays import AnyArray, FloatArray, IntArray
from app.gallery import shipped
from app.gallery.embedding_rows import unit_rows
from app.library.clustering import Clusters, Linkage, find_pairs, mean_cosines, sum_clusters
from app.library.groups import LEAST_FACES, group_faces
from app.library.store import Library
from app.library.suggestions import store_suggestions
from app.recognition.inference import load_network
from app.settings import ROOT, Settings
from app.training.data.crops import Pipeline
from app.vision.decoding import is_photo_file
from app.vision.detection import Detector
from bench.common import FOLDER
from bench.dlib_peer import group_crops

WORK = click.Path(path_type=Path, file_okay=False)

Method = Callable[[FloatArray], IntArray]

NO_CONFLICTS = np.zeros((0, 2), np.int64)
CELEBRITIES = 120
ROUNDS = 20
BATCH = 50_000
SCORES = (0.48, 0.46, 0.44, 0.42, 0.4, 0.38, 0.36)


def link(linkage: Linkage) -> Method:
    """Group by the average linkage of the program."""

    def group(embeddings: FloatArray) -> IntArray:
        count = len(embeddings)
        clusters = Clusters(embeddings.copy(), np.ones(count, np.int64), np.zeros(count, bool), NO_CONFLICTS)
        return clusters.merge(linkage)

    return group


def _edges(embeddings: FloatArray, cosine: float) -> tuple[IntArray, IntArray, FloatArray]:
    every = Linkage(threshold=cosine, exponent=0, promising=1, neighbors=len(embeddings))
    count = len(embeddings)
    first, second = find_pairs(embeddings, np.ones(count, np.int64), every, np.zeros(count, bool))
    return first, second, np.einsum("ij,ij->i", embeddings[first], embeddings[second])


def single_linkage(cosine: float) -> Method:
    """Group connected faces."""

    def group(embeddings: FloatArray) -> IntArray:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        first, second, _ = _edges(embeddings, cosine)
        graph = coo_array((np.ones(len(first)), (first, second)), shape=[len(embeddings)] * 2)
        return np.asarray(connected_components(graph, directed=False)[1], np.int64)

    return group


def whispers(cosine: float) -> Method:
    """Group by Chinese whispers (Biemann 2006), as dlib does."""

    def group(embeddings: FloatArray) -> IntArray:
        first, second, cosines = _edges(embeddings, cosine)
        both = np.concatenate([first, second]), np.concatenate([second, first]), np.concatenate([cosines, cosines])
        order = np.argsort(both[0], kind="stable")
        others, weights = both[1][order], both[2][order]
        ends = np.searchsorted(both[0][order], np.arange(len(embeddings) + 1))
        labels, rng = np.arange(len(embeddings)), np.random.default_rng(0)
        connected = np.flatnonzero(np.diff(ends))
        for _ in range(ROUNDS):
            for face in rng.permutation(connected).tolist():
                near = slice(ends[face], ends[face + 1])
                found, places = np.unique(labels[others[near]], return_inverse=True)
                labels[face] = found[np.bincount(places, weights[near]).argmax()]
        return labels

    return group


def dbscan(cosine: float) -> Method:
    """Group by DBSCAN with three faces a core."""

    def group(embeddings: FloatArray) -> IntArray:
        from sklearn.cluster import DBSCAN

        distance = float(np.sqrt(2 - 2 * cosine))
        return _split_noise(DBSCAN(eps=distance, min_samples=LEAST_FACES, algorithm="brute").fit_predict(embeddings))

    return group


def hdbscan(selection: str) -> Method:
    """Group by HDBSCAN with three faces a group."""

    def group(embeddings: FloatArray) -> IntArray:
        from sklearn.cluster import HDBSCAN

        clustering = HDBSCAN(min_cluster_size=LEAST_FACES, min_samples=2, cluster_selection_method=selection, copy=True)
        return _split_noise(clustering.fit_predict(embeddings))

    return group


def _split_noise(labels: AnyArray) -> IntArray:
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


METHODS: dict[str, Method] = {
    "single linkage, cosine 0.50": single_linkage(0.5),
    "single linkage, cosine 0.60": single_linkage(0.6),
    "DBSCAN, cosine 0.60": dbscan(0.6),
    "HDBSCAN, leaf": hdbscan("leaf"),
    "HDBSCAN, eom": hdbscan("eom"),
    "Chinese whispers, cosine 0.50": whispers(0.5),
    "Chinese whispers, cosine 0.55": whispers(0.55),
    "average linkage, cosine 0.45": link(Linkage(threshold=0.45, exponent=0, promising=1)),
    "average linkage, cosine 0.50": link(Linkage(threshold=0.5, exponent=0, promising=1)),
    **{
        f"this program, threshold {threshold}": link(replace(Linkage(), threshold=threshold))
        for threshold in (0.46, 0.48, 0.5)
    },
}


def bcubed(groups: IntArray, people: AnyArray) -> tuple[float, float]:
    """Return BCubed precision and recall of groups, int (faces,), by the people, any (faces,)."""
    _, group, group_sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _, person, person_sizes = np.unique(people, return_inverse=True, return_counts=True)
    common, counts = np.unique(group * len(person_sizes) + person, return_counts=True)
    squares = counts.astype(np.float64) ** 2 / len(group)
    in_group, of_person = np.divmod(common, len(person_sizes))
    return float((squares / group_sizes[in_group]).sum()), float((squares / person_sizes[of_person]).sum())


def without_small(groups: IntArray) -> IntArray:
    """Make each face of a group of fewer than three faces a group of its own."""
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.where(sizes[places] >= LEAST_FACES, places, len(groups) + np.arange(len(groups)))


def lfw_faces(folder: Path, work: Path) -> tuple[str, FloatArray, AnyArray]:
    """Return the faces of LFW as `labeled_faces` does, embedded by the shipped network and cached in `work`."""
    settings = Settings()
    pipeline = Pipeline(Detector.from_settings(settings), load_network(settings.model), work)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if is_photo_file(path))
    crops, embeddings = pipeline.embed(folder, files, "lfw-people")
    people = np.array([file.partition("/")[0] for file in files])
    return "LFW", embeddings[crops.found], people[crops.found]


def labeled_faces(folder: Path) -> Iterator[tuple[str, FloatArray, AnyArray]]:
    """Yield sets of labeled faces: name, embeddings float32 (faces, dims), and the folder of each face's person."""
    embeddings = unit_rows(np.load(folder / "targets.npy"))
    people = _people(folder)
    for name, selected in _sets(folder).items():
        yield name, embeddings[selected], people[selected]


def _people(folder: Path) -> AnyArray:
    with (folder / "index.csv").open(newline="") as file:
        return np.array([row["file"].rpartition("/")[0] for row in csv.DictReader(file)])


def _sets(folder: Path) -> dict[str, AnyArray]:
    """Return sets of faces by name: bool (faces,)."""
    people = _people(folder)
    families = np.char.startswith(people, "people/fiw")
    private = np.char.startswith(people, "people/") & ~families
    famous = np.char.startswith(people, "celebrities/")
    chosen = np.random.default_rng(0).choice(np.unique(people[famous]), CELEBRITIES, replace=False)
    return {
        "people": private,
        f"{CELEBRITIES} celebrities": np.isin(people, chosen),
        "families": families,
    }


@click.group()
def main() -> None:
    """Measure the grouping of unknown faces."""


@main.command()
@click.option("--faces", "folder", type=FOLDER, default=ROOT.parent / "shared" / "faces", show_default=True)
@click.option("--lfw", type=FOLDER, help="Folder of LFW: one more set, whose faces are detected and embedded first.")
@click.option("--work", type=WORK, default=ROOT / ".bench", help="Folder of the cached faces of LFW.")
def accuracy(folder: Path, lfw: Path | None, work: Path) -> None:
    """Compare methods by BCubed precision and recall."""
    for name, embeddings, people in chain(labeled_faces(folder), [lfw_faces(lfw, work)] if lfw else ()):
        labels = np.unique(people, return_inverse=True)[1]
        best = bcubed(without_small(labels), people)[1]
        click.echo(f"{name}: {len(embeddings):,} faces of {labels.max() + 1:,} people, recall {best:.3f} at most")
        for method, group in METHODS.items():
            started = time.process_time()
            try:
                groups = without_small(group(embeddings))
            except ImportError:
                click.echo(f"  {method:32} not installed")
                continue
            precision, recall = bcubed(groups, people)
            seconds = time.process_time() - started
            click.echo(f"  {method:32} {precision:.3f} {recall:.3f} {seconds:8.1f} CPU s")
            sys.stdout.flush()


@main.command()
@click.option("--faces", "folder", type=FOLDER, default=ROOT.parent / "shared" / "faces", show_default=True)
@click.option("--people", "count", default=800, show_default=True)
def peer(folder: Path, count: int) -> None:
    """Compare with `face_recognition` and dlib's Chinese whispers, on some of the first set."""
    with (folder / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    people = _people(folder)
    private = next(iter(_sets(folder).values()))
    chosen = np.random.default_rng(0).choice(np.unique(people[private]), count, replace=False)
    selected = np.flatnonzero(np.isin(people, chosen))
    embeddings = unit_rows(np.load(folder / "targets.npy")[selected])
    pictures, boxes = zip(*((folder / rows[row]["file"], _face_box(rows[row])) for row in selected), strict=True)
    click.echo(f"{len(selected):,} faces of {count:,} people")
    for name, groups in (
        ("this program", link(Linkage())(embeddings)),
        ("face_recognition", group_crops(pictures, boxes)),
    ):
        precision, recall = bcubed(without_small(groups), people[selected])
        click.echo(f"  {name:32} {precision:.3f} {recall:.3f}")


def _face_box(row: dict[str, str]) -> tuple[int, int, int, int]:
    """Return the usual box of dlib around the eyes of a crop: left, top, width, height."""
    right, left = (np.array([float(row[f"{side}_eye_{axis}"]) for axis in "xy"]) for side in ("right", "left"))
    side = 2.6 * float(np.linalg.norm(left - right))
    corner = (left + right) / 2 - (side / 2, 0.35 * side)
    return int(corner[0]), int(corner[1]), int(side), int(side)


@main.command()
@click.option("--faces", "folder", type=FOLDER, default=ROOT.parent / "shared" / "faces", show_default=True)
def suggestions(folder: Path) -> None:
    """Count the pairs of groups by their score, and those that are the same person."""
    for name, embeddings, people in labeled_faces(folder):
        groups = without_small(link(Linkage())(embeddings))
        _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        grouped = sizes[places] >= LEAST_FACES
        places = np.unique(places[grouped], return_inverse=True)[1]
        labels = np.unique(people, return_inverse=True)[1][grouped]
        sizes = np.bincount(places)
        person = np.array([np.bincount(labels[places == group]).argmax() for group in range(len(sizes))])
        sums = sum_clusters(embeddings[grouped], places)
        wide = replace(Linkage(), threshold=SCORES[-1], promising=1.0)
        first, second = find_pairs(sums, sizes, wide, np.zeros(len(sizes), bool))
        scores = wide.score(mean_cosines(sums, sizes, first, second), sizes[first] * sizes[second])
        same = person[first] == person[second]
        click.echo(f"{name}: {len(sizes):,} groups")
        for high, low in pairwise(SCORES):
            found = (scores >= low) & (scores < high)
            click.echo(f"  {low:.2f} ... {high:.2f} {found.sum():6,} pairs, {same[found].sum():3,} of the same person")


def made_up_faces(count: int) -> Iterator[tuple[AnyArray, IntArray]]:
    """Yield batches of embeddings, float16 (faces, dims), and people (faces,), with the spread of the shipped gallery.

    One half of the people has one face, and few have hundreds.
    """
    snapshot = shipped.read(Settings().anchors).snapshot()
    owners = np.repeat(np.arange(len(snapshot)), np.diff(snapshot.offsets))
    dims = snapshot.templates.shape[1]
    between = np.linalg.cholesky(np.cov(snapshot.templates.T) + 1e-6 * np.eye(dims)).astype(np.float32)
    spread = np.cov((snapshot.anchors - snapshot.templates[owners]).T) + 1e-9 * np.eye(dims)
    within = np.linalg.cholesky(spread).astype(np.float32)
    rng = np.random.default_rng(0)
    sizes = np.minimum(rng.zipf(1.9, count), 500)
    people = np.repeat(np.arange(count), sizes)[:count]
    people = rng.permutation(people)
    centers = unit_rows(rng.standard_normal((int(people.max()) + 1, dims), np.float32) @ between.T)
    for start in range(0, count, BATCH):
        batch = people[start : start + BATCH]
        faces = centers[batch] + rng.standard_normal((len(batch), dims), np.float32) @ within.T
        yield unit_rows(faces).astype(np.float16), batch


def fill(library: Library, count: int) -> IntArray:
    """Add made-up unknown faces to a new library, one a photo, and return the people: int (faces,)."""
    people, first = [], 1
    for embeddings, batch in made_up_faces(count):
        ids = range(first, first + len(batch))
        with library.writing() as connection:
            connection.executemany("INSERT INTO photo (id) VALUES (?)", ((number,) for number in ids))
            connection.executemany(
                "INSERT INTO face (id, photo_id, number, x, y, width, height, verdict) "
                "VALUES (?1, ?1, 1, 0, 0, 100, 100, 'unknown')",
                ((number,) for number in ids),
            )
            rows = zip(ids, (row.tobytes() for row in embeddings), strict=True)
            connection.executemany("INSERT INTO vector (face_id, embedding) VALUES (?, ?)", rows)
        people.append(batch)
        first += len(batch)
    return np.concatenate(people)


def _read_groups(library: Library) -> IntArray:
    """Return the group of each face, with another number for each face without a group: int (faces,)."""
    with library.reading() as connection:
        rows = connection.execute("SELECT coalesce(group_id, -face_id) FROM membership ORDER BY face_id")
        return np.fromiter((group for (group,) in rows), np.int64)


def _peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@main.command()
@click.option("--faces", "count", default=100_000, show_default=True)
@click.option("--folder", type=FOLDER, help="Folder for the library. Default: a temporary folder.")
def scale(count: int, folder: Path | None) -> None:
    """Group the made-up faces of a library, and print seconds and memory."""
    with tempfile.TemporaryDirectory(dir=folder) as name, Library.create(Path(name) / "library") as library:
        people = fill(library, count)
        click.echo(f"{count:,} faces of {len(np.unique(people)):,} people")
        click.echo(f"{'made up':12} {_peak_gigabytes():6.2f} GB at most")
        for title, measured in (("grouped", group_faces), ("suggested", store_suggestions)):
            wall, cpu = time.perf_counter(), time.process_time()
            measured(library)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            click.echo(f"{title:12} {_peak_gigabytes():6.2f} GB at most, {wall:.0f} s, {cpu:.0f} CPU s")
        groups = _read_groups(library)
    precision, recall = bcubed(groups, people)
    click.echo(f"{(groups > 0).sum():,} faces in groups, precision {precision:.3f}, recall {recall:.3f}")


if __name__ == "__main__":
    main()
