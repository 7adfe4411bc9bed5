"""Accuracy compared with other systems: `.venv/bin/python -m bench.accuracy FACES_FOLDER LFW_FOLDER`.

The shipped network, `face_recognition` (dlib), and with `--opencv` OpenCV's YuNet and SFace, on the same photos of LFW:
galleries of people with ten or more pictures by the number of enrolled photos, and the 6,000 pairs. A missed face is an
error. Embeddings of dlib and OpenCV are cached in `.bench/`: dlib takes half an hour.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from app.recognition import inference
from app.recognition.decision import FPIRS
from app.settings import ROOT, Settings
from app.training.data import labeled_faces
from app.training.data.crops import collect, embed
from app.training.data.splits import unit_hash
from app.training.evaluation import own_galleries, verification
from app.vision.detection import Detector
from bench.common import FOLDER
from bench.dlib_peer import start_peer
from bench.opencv_peer import SFACE, YUNET, OpenCV

CACHE = ROOT / ".bench"

EmbedFile = Callable[[Path], np.ndarray | None]
"""Returns the embedding of the largest face of a picture, None if there is no face."""

Embed = Callable[[Sequence[str], str], np.ndarray]
"""Embeds files of the cache of this name: float (files, dims), zeros where the system missed the face."""


@contextmanager
def dlib() -> Iterator[EmbedFile]:
    """Start `face_recognition` in its own environment."""
    with start_peer() as peer:
        yield lambda path: peer.find(path).largest


@contextmanager
def opencv(folder: Path) -> Iterator[EmbedFile]:
    """Load OpenCV's detector and network with their defaults."""
    peer = OpenCV(folder)

    def embed_file(path: Path) -> np.ndarray | None:
        picture = peer.read(path)
        largest = max(peer.detect(picture), key=lambda face: face[2] * face[3], default=None)
        return None if largest is None else peer.embed(picture, largest)

    yield embed_file


def embed_cached(
    cache: Path, root: Path, files: Sequence[str], system: Callable[[], AbstractContextManager[EmbedFile]]
) -> np.ndarray:
    """Return a system's embeddings of files: float64 (files, 128), zeros where it missed the face.

    Args:
        cache: File of JSON lines with the embeddings of earlier calls.
        root: Folder that `files` are relative to.
        files: Pictures.
        system: Started if embeddings are missing.
    """
    cache.parent.mkdir(exist_ok=True)
    known = {}
    if cache.exists():
        # An interrupted call may have left half a line.
        lines = [line for line in cache.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        cache.write_text("".join(lines), encoding="utf-8")
        known = dict(map(json.loads, lines))
    missing = [file for file in files if file not in known]
    if missing:
        with system() as embed_file, cache.open("a", encoding="utf-8") as stream:
            for file in tqdm(missing, desc=cache.stem, unit="face", disable=None):
                found = embed_file(root / file)
                known[file] = None if found is None else found.round(6).tolist()
                stream.write(json.dumps([file, known[file]]) + "\n")
                stream.flush()
    return np.array([known[file] or [0.0] * 128 for file in files])


def mean_distances(probes: np.ndarray, anchors: Sequence[np.ndarray]) -> np.ndarray:
    """Return Euclidean distances to the plain means of people's encodings: float (probes, people)."""
    means = np.stack([own.mean(axis=0) for own in anchors])
    squares = (probes**2).sum(axis=1)[:, None] - 2 * probes @ means.T + (means**2).sum(axis=1)
    return np.sqrt(np.maximum(0, squares))


def own_system(root: Path, work: Path, files: dict[str, list[str]]) -> Embed:
    """Return the shipped network with its quality floor.

    Args:
        root: Folder that all files are relative to.
        work: Folder of the crops that `evaluate` cached.
        files: Files of each cache.
    """
    settings = Settings()
    detector, network = Detector.from_settings(settings), inference.load_network(settings.model)

    def embed_files(wanted: Sequence[str], cache: str) -> np.ndarray:
        crops = collect(root, files[cache], detector, work / cache)
        crops, embeddings = embed(network, crops, work / cache)
        usable = network.card.quality.accepts(crops.qualities)
        return (embeddings * usable[:, None])[crops.positions(wanted)]

    return embed_files


def row(
    embed_files: Embed,
    measure: own_galleries.Measure,
    members: Sequence[str],
    impostors: Sequence[str],
    pairs: Sequence[tuple[str, str, bool]],
) -> Iterator[str]:
    """Yield a system's missed faces, its accuracy and TAR on pairs, and its TPIR by the number of enrolled photos."""
    files = files_of(pairs)
    rows = dict(zip(files, embed_files(files, "lfw"), strict=True))
    left, right = (np.array([rows[pair[side]] for pair in pairs]) for side in (0, 1))
    yield f"{100 * np.mean([not one.any() for one in rows.values()]):.1f}"
    found = left.any(axis=1) & right.any(axis=1)
    distances = np.where(found, np.linalg.norm(left - right, axis=1), np.inf)
    different = np.array([pair[2] for pair in pairs])
    accuracy, error = verification.folds_accuracy(distances, different)
    yield f"{100 * accuracy:.1f} ± {100 * error:.1f}"
    yield f"{100 * verification.tar_at_far(distances, different, 1e-3):.1f}"
    files = sorted([*members, *impostors])
    embeddings = embed_files(files, "unseen")
    inside = np.isin(files, members)
    people = np.array([file.rpartition("/")[0] for file in files])
    usable, outside = embeddings.any(axis=1), np.flatnonzero(~inside)
    faces = own_galleries.Collection(embeddings, usable, people, np.flatnonzero(inside), outside, outside)
    for own in own_galleries.own_gallery_rates(faces, measure=measure)["rows"]:
        yield " / ".join(f"{100 * rate['tpir']:.1f}" for rate in own["rates"])


def files_of(pairs: Sequence[tuple[str, str, bool]]) -> list[str]:
    """Return the pictures of pairs, each once."""
    return sorted({file for pair in pairs for file in pair[:2]})


@click.command()
@click.argument("faces", type=FOLDER)
@click.argument("lfw", type=FOLDER)
@click.option("--opencv", "opencv_folder", type=FOLDER, help=f"Folder of OpenCV Zoo's {YUNET} and {SFACE}.")
@click.option("--impostors", "count", default=10_000, show_default=True, help="Impostors at most.")
@click.option("--pairs", default=6000, show_default=True, help="Pairs at most, evenly chosen.")
@click.option("--work", type=FOLDER, default=ROOT / ".training", help="Folder of the crops that `evaluate` cached.")
def main(faces: Path, lfw: Path, opencv_folder: Path | None, count: int, pairs: int, work: Path) -> None:
    """Measure and print a Markdown table."""
    members, others = labeled_faces.list_lfw_pictures(lfw, labeled_faces.lfw_names(faces))
    impostors = sorted(others, key=lambda file: unit_hash(file, 3))[:count]
    listed = verification.read_lfw_pairs(lfw)
    chosen = listed[:: -(-len(listed) // pairs)]
    files = {"lfw": files_of(listed), "unseen": sorted([*members, *others])}
    template = own_galleries.template_distances
    systems = {"this program": (own_system(lfw, work, files), template)}
    if opencv_folder is not None:
        peer = CACHE / "opencv.jsonl"
        systems["OpenCV, YuNet + SFace"] = (
            lambda files, _: embed_cached(peer, lfw, files, lambda: opencv(opencv_folder)),
            template,
        )
    systems["`face_recognition` (dlib)"] = (
        lambda files, _: embed_cached(CACHE / "dlib.jsonl", lfw, files, dlib),
        mean_distances,
    )
    rates = " / ".join(f"{100 * fpir:g}" for fpir in FPIRS)
    titles = [f"{number} enrolled" for number in own_galleries.ENROLLED]
    print(f"{len(chosen):,} pairs; {len(members):,} photos of members and {len(impostors):,} impostors")
    print(f"Enrolled photos: TPIR at FPIR {rates} %")
    print(f"| % | Faces missed or refused | LFW accuracy | TAR at FAR 0.1 % | {' | '.join(titles)} |")
    print("|---" * (4 + len(titles)) + "|")
    for name, (embed_files, measure) in systems.items():
        print(f"| {name} | {' | '.join(row(embed_files, measure, members, impostors, chosen))} |", flush=True)


if __name__ == "__main__":
    main()
