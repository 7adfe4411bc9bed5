"""Do the findings of `people check` find wrong labels? Plants some among real faces and counts.

    python -m bench.planted                    # needs the crops and embeddings that `main.py ship` left in .training

For each person of the gallery some of their training faces are replaced by faces of others of the gallery. Precision
and recall are those of `outlier` findings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from app.enrollment.gallery_check import of_person
from app.recognition.model_card import read_card
from app.settings import Settings
from bench.cached import CROPS, faces


def main() -> None:
    """Plant, look, and print a row for each number of anchors a person has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, default=CROPS)
    parser.add_argument("--share", type=float, default=0.05)
    arguments = parser.parse_args()
    rules = read_card(Settings().model).rules
    people, embeddings = faces(arguments.crops, "train")
    rng = np.random.default_rng(1)
    print(f"{len(people)} faces of {len(set(people))} people; {arguments.share:.0%} of the labels are wrong\n")
    print("anchors  planted   found  precision  recall")
    for most in (5, 10, 32, 1000):
        planted = found = right = 0
        for person in sorted(set(people)):
            own = rng.permutation(np.flatnonzero(people == person))[:most]
            wrong = rng.random(len(own)) < arguments.share
            others = rng.choice(np.flatnonzero(people != person), wrong.sum())
            rows = embeddings[np.where(wrong, np.concatenate([others, [0]])[np.cumsum(wrong) - 1], own)]
            told = [one.rows[0] for one in of_person(person, rows, rules) if one.kind == "outlier"]
            planted += int(wrong.sum())
            found += len(told)
            right += int(wrong[told].sum())
        print(f"{most:7} {planted:8} {found:7} {right / found:10.3f} {right / planted:7.3f}")


if __name__ == "__main__":
    main()
