"""Details of a face, loaded when a visitor opens them: the distance to everyone, and what the numbers mean."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request
from werkzeug.exceptions import BadRequest

from app.recognition.decision import decide, find_opted_out
from app.recognition.recognizer import Recognizer
from app.recognition.scoring import PersonDistance, Ranking, rank
from app.serialization import RANKING_ROWS
from app.web.pages import explanation
from app.web.pages.results import load_embedding
from app.web.portraits import person_heading, person_links


@dataclass(frozen=True)
class DetailRow:
    """A person, and their anchors as dots up to and over the threshold of two photos of one person."""

    distance: PersonDistance
    near: Sequence[str]
    far: Sequence[str]


def details(recognizer: Recognizer) -> str:
    """Return the page about the embedding in the form, which the results page contains for each face."""
    network, snapshot = recognizer.network, recognizer.gallery.snapshot()
    embedding = load_embedding(request.form.get("embedding", ""), network.dims)
    rules = recognizer.rules(snapshot)
    if embedding is None or find_opted_out(embedding[None], snapshot.opted_out, rules)[0]:
        raise BadRequest
    ranking = rank(embedding, snapshot, rules.head)
    if not isinstance(ranking, Ranking):
        raise BadRequest
    same = rules.pairs.same_threshold()
    verdict = decide(ranking, rules)
    reliability = network.card.raw.get("metrics", {}).get("reliability", ())
    return render_template(
        "details.html",
        verdict=verdict,
        notes=explanation.notes(verdict, rules.margin, reliability)[1:],
        rows=[
            DetailRow(row, *explanation.dots(ranking.scores(position), same))
            for position, row in enumerate(ranking[:RANKING_ROWS])
        ],
        rest=ranking[RANKING_ROWS:],
        same=same,
        person_heading=person_heading(recognizer.gallery),
        link=person_links(recognizer.gallery),
    )
