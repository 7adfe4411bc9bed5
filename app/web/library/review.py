"""Review of what is worth a decision, one question a page, by keyboard, buttons or plain forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from sqlite3 import Connection

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.library import browsing, group_pages, review_queue
from app.library.browsing import FaceImage
from app.library.review_queue import KINDS, FaceQuestion, Position, Question
from app.library.store import Library
from app.web.admin.blueprint import form_id
from app.web.library.blueprint import blueprint, current_library, show_message
from app.web.portraits import Tile, tile
from app.web.recognizer_loading import current_gallery

PAGE_SIZE = 8
"""Questions in a page. A script shows them one after the other, and loads more in time."""
EXAMPLES = 4
"""Faces of a group or person."""

TITLES = {
    review_queue.AMBIGUOUS: "Ambiguous faces",
    review_queue.PAIRS: "Similar groups",
    review_queue.NAMES: "Least certain names",
}


@dataclass(frozen=True)
class QuestionView:
    """A question on the page, with pictures of both sides. `portrait` replaces missing faces of a person."""

    question: Question
    title: str
    faces: Sequence[FaceImage]
    caption: str
    others: Sequence[FaceImage]
    other_caption: str
    portrait: Tile | None
    fields: dict[str, object]


@blueprint.get("/review")
def review() -> str:
    """Show the first question of `kind`, or of all kinds, after the position `after`.

    Without `least`, a session starts, which keeps the class distance from which names are in the queue.
    """
    kind = request.args.get("kind", "")
    kinds = [kind] if kind in KINDS else list(KINDS)
    after = Position.parse(request.args.get("after", ""))
    with current_library().reading() as connection:
        least = request.args.get("least", type=float)
        if least is None or not 0 <= least <= 1:
            # Rounded down: the smallest of these names stays in the queue.
            least = floor(10_000 * review_queue.least_doubtful(connection)) / 10_000
        counts = review_queue.count_questions(connection, least)
        questions = review_queue.list_questions(connection, kinds, PAGE_SIZE, least, after)
        views = [_view(connection, question) for question in questions]
    return render_template(
        "library/review.html",
        titles=TITLES,
        kind=kind if kind in KINDS else None,
        counts=counts,
        most=review_queue.MOST,
        left=sum(counts[one] for one in kinds),
        more="+" if any(counts[one] == review_queue.MOST for one in kinds) else "",
        done=_done(),
        views=views,
        skipped=after is not None,
        least=least,
    )


@blueprint.post("/review")
def answer_question() -> ResponseReturnValue:
    """Record the `answer` yes or no, and go to the next question."""
    library, form = current_library(), request.form
    yes = form.get("answer") == "yes"
    if yes:
        _check_opt_out(library, form_id("person"))
    if face := form_id("face"):
        person = review_queue.answer_face(library, face, form_id("person"), yes)
        sentence = f"1 face {'confirmed as' if yes else 'marked as not'} {person}."
    else:
        group, other = form_id("group"), form_id("other") or None
        name = review_queue.answer_pair(library, group, other, form_id("person") or None, yes)
        sentence = f"Group {group} and {name} are {'the same person' if yes else 'different people'}."
    following = url_for(
        "library.review",
        kind=form.get("kind") or None,
        least=form.get("least"),
        after=form.get("after"),
        done=_done() + 1,
    )
    return show_message(sentence, address=following)


def _check_opt_out(library: Library, person_id: int) -> None:
    """Raise `OptedOut` if a person, 0 for none, opted out since the library was named."""
    with library.reading() as connection:
        found = connection.execute("SELECT name FROM person WHERE id = ?", (person_id,)).fetchone()
    if found:
        current_gallery().rights.check_name(found[0])


def _done() -> int:
    return max(0, min(request.values.get("done", 0, type=int), review_queue.MOST**2))


def _view(connection: Connection, question: Question) -> QuestionView:
    if isinstance(question, FaceQuestion):
        others = browsing.list_clearest(connection, question.person_id, EXAMPLES + 1)
        return QuestionView(
            question=question,
            title=f"Is this {question.person}?",
            faces=[question.image],
            caption=f"{question.taken[:10] if question.taken else 'No date'}, distance {question.distance:.3f}",
            others=[image for image in others if image.id != question.image.id][:EXAMPLES],
            other_caption=question.person,
            portrait=_portrait(question.person),
            fields={"face": question.image.id, "person": question.person_id},
        )
    pair = question.pair
    if pair.other is None:
        others = browsing.list_clearest(connection, pair.person_id or 0, EXAMPLES)
    else:
        others = group_pages.list_examples(connection, pair.other, EXAMPLES)
    return QuestionView(
        question=question,
        title=f"Is this {pair.person}?" if pair.person else "Are these the same person?",
        faces=group_pages.list_examples(connection, pair.group, EXAMPLES),
        caption=f"Group {pair.group}",
        others=others,
        other_caption=pair.person or f"Group {pair.other}",
        portrait=_portrait(pair.person) if pair.person else None,
        fields={"group": pair.group, "other": pair.other or "", "person": pair.person_id or ""},
    )


def _portrait(name: str) -> Tile | None:
    person = current_gallery().find(name)
    return tile(person) if person and person.has_portrait else None
