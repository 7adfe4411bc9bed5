"""The queue of questions, answered by forms and by a script."""

from __future__ import annotations

import re
import threading

import pytest

from app.library.review_queue import Position
from app.library.suggestions import list_stored
from app.web.library import review
from tests.photos import OTHER, PERSON
from tests.web.conftest import text


@pytest.fixture
def queue(library):
    """An ambiguous face, a group that may be a person or another group, and names with a distance."""
    with library.writing() as connection:
        people = dict(connection.execute("SELECT name, id FROM person").fetchall())
        unknown = [face for (face,) in connection.execute("SELECT id FROM face WHERE verdict = 'unknown' ORDER BY id")]
        connection.execute(
            "UPDATE face SET verdict = 'ambiguous', candidate_id = ?, distance = 0.5 WHERE id = ?",
            (people[OTHER], unknown[0]),
        )
        connection.execute("INSERT INTO unknown_group VALUES (2)")
        connection.execute("UPDATE membership SET group_id = 2 WHERE face_id = ?", (unknown[1],))
        rows = [(2, 1, None, 0.6), (1, None, people[PERSON], 0.5)]
        connection.executemany("INSERT INTO suggestion VALUES (?, ?, ?, ?)", rows)
        connection.execute("UPDATE face SET distance = 0.1 * id WHERE verdict = 'match'")
    return library


def questions(page) -> list[str]:
    return re.findall(r'<h2 tabindex="-1">(.*?)</h2>', page.text)


def fields(page) -> dict[str, str]:
    """Return the fields of the first question."""
    form = page.text[page.text.index('class="question"') :].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.replace('name="answer" value="no"', "")))


def answer(client, page, yes: bool):
    form = fields(page) | {"answer": "yes" if yes else "no"}
    return client.post("/library/review", data=form, follow_redirects=True)


def decided(library) -> list[tuple]:
    query = (
        "SELECT person.name, count(*) FROM face JOIN person ON person.id = person_id WHERE source != 'automatic' "
        "GROUP BY 1"
    )
    return sorted(library.connection.execute(query).fetchall())


def test_the_queue_has_ambiguous_faces_pairs_and_uncertain_names(client, queue):
    page = client.get("/library/review")
    assert questions(page)[:3] == [f"Is this {OTHER}?", "Are these the same person?", f"Is this {PERSON}?"]
    assert "Ambiguous faces 1" in text(page)
    assert "Similar groups 2" in text(page)
    # A name is uncertain from 90 % of the largest distance.
    assert "Least certain names 1" in text(page)
    assert "0 decisions made, 4 left." in text(page)
    assert len(questions(client.get("/library/review?kind=pairs"))) == 2
    assert questions(client.get("/library/review?kind=nothing")) == questions(page)


def test_answers_do_not_add_uncertain_names(client, queue):
    """The largest distance of those that remain falls."""
    with queue.writing() as connection:
        names = connection.execute("SELECT id FROM face WHERE verdict = 'match' ORDER BY id").fetchall()
        distances = [0.9, 0.85, 0.8, *[0.1] * len(names)]
        connection.executemany(
            "UPDATE face SET distance = ? WHERE id = ?",
            [(distance, face) for distance, (face,) in zip(distances, names, strict=False)],
        )
    page = client.get("/library/review?kind=names")
    assert "0 decisions made, 2 left." in text(page)
    page = answer(client, page, yes=True)
    assert "1 decision made, 1 left." in text(page)
    page = answer(client, page, yes=True)
    assert "2 decisions made, 0 left." in text(page)
    assert "No question left" in text(page)
    # A new session has another limit.
    assert "0 decisions made, 1 left." in text(client.get("/library/review?kind=names&least=nan"))


def test_people_who_opted_out_meanwhile_are_not_confirmed(client, queue, recognizer):
    rights, page = recognizer.gallery.rights, client.get("/library/review")
    entry = rights.add_opt_out(OTHER)
    try:
        refused = answer(client, page, yes=True)
        assert f"{OTHER} is on the opt-out list" in text(refused)
        assert decided(queue) == []
        assert answer(client, page, yes=False).status_code == 200
    finally:
        rights.remove_opt_out(entry.id)


def test_answers_are_decisions_that_undo_takes_back(client, queue):
    page = answer(client, client.get("/library/review"), yes=True)
    assert f"1 face confirmed as {OTHER}. Undo" in text(page)
    assert decided(queue) == [(OTHER, 1)]
    assert questions(page)[0] == "Are these the same person?"
    assert "1 decision made, 3 left." in text(page)
    page = answer(client, page, yes=True)
    assert "Group 2 and group 1 are the same person." in text(page)
    assert queue.connection.execute("SELECT count(DISTINCT group_id) FROM membership").fetchone() == (1,)
    client.post("/library/undo", data={"change": 2})
    assert [pair.group for pair in list_stored(queue.connection)] == [2, 1]
    page = answer(client, client.get("/library/review?kind=pairs"), yes=False)
    assert "Group 2 and group 1 are different people." in text(page)
    page = answer(client, page, yes=True)
    assert f"Group 1 and {PERSON} are the same person." in text(page)
    assert decided(queue) == sorted([(OTHER, 1), (PERSON, 2)])
    client.post("/library/undo", data={"change": 4})
    page = answer(client, client.get("/library/review?kind=pairs"), yes=False)
    assert list_stored(queue.connection) == []
    assert questions(page) == []
    page = answer(client, client.get("/library/review?kind=names"), yes=False)
    assert re.search("1 face marked as not .*. Undo", text(page))
    assert len(queue.connection.execute("SELECT * FROM rejection").fetchall()) == 3


def test_skipped_questions_return_at_the_end(client, queue):
    page = client.get("/library/review?kind=pairs")
    for expected in (1, 0):
        page = client.get(f"/library/review?kind=pairs&after={fields(page)['after']}")
        assert len(questions(page)) == expected
    assert "You reached the end. Show remaining questions" in text(page)
    assert client.get("/library/review?after=names_x_1").status_code == 200
    for first in (0.1 + 0.2, -0.61, 1.25e-07, 0.0):
        assert Position.parse(str(Position("names", first, 7))) == Position("names", first, 7)


def test_questions_are_loaded_in_pages(client, queue, monkeypatch):
    monkeypatch.setattr(review, "PAGE_SIZE", 2)
    page = client.get("/library/review")
    assert len(questions(page)) == 2
    last = re.findall(r'name="after" value="([^"]*)"', page.text)[-1]
    assert len(questions(client.get(f"/library/review?after={last}"))) == 2


def test_an_answer_that_came_too_late_is_explained(client, queue):
    page = client.get("/library/review")
    answer(client, page, yes=True)
    assert "The face was decided or named again meanwhile." in text(answer(client, page, yes=True))
    pairs = client.get("/library/review?kind=pairs")
    answer(client, pairs, yes=False)
    assert "The pair was answered, or the groups changed meanwhile." in text(answer(client, pairs, yes=True))


def test_two_answers_at_the_same_time_do_not_overwrite_each_other(client, queue):
    form = fields(client.get("/library/review")) | {"answer": "yes"}
    late = []
    thread = threading.Thread(target=lambda: late.append(client.post("/library/review", data=form)))
    with queue.writing() as connection:
        thread.start()
        thread.join(0.3)
        connection.execute(
            "UPDATE face SET source = 'confirmed', verdict = 'match', person_id = "
            "(SELECT id FROM person WHERE name = ?) WHERE id = ?",
            (PERSON, form["face"]),
        )
    thread.join()
    assert "The face was decided or named again meanwhile." in text(client.get(late[0].location))
    assert decided(queue) == [(PERSON, 1)]


def test_a_script_gets_the_number_of_the_change(client, queue):
    form = fields(client.get("/library/review")) | {"answer": "yes"}
    headers = {"Accept": "application/json"}
    done = client.post("/library/review", data=form, headers=headers)
    assert (done.status_code, done.json) == (200, {"message": f"1 face confirmed as {OTHER}.", "change": 1})
    late = client.post("/library/review", data=form, headers=headers)
    assert late.status_code == 409
    assert late.json == {"message": "The face was decided or named again meanwhile.", "change": None}
    undone = client.post("/library/undo", data={"change": 1}, headers=headers)
    assert (undone.json["change"], decided(queue)) == (None, [])
    # The script's message is not shown again.
    assert "Undone" not in text(client.get("/library/review"))
