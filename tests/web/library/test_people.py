"""People of a library: the list, the timeline of a person, and naming."""

import re

import pytest

from app.gallery.store import Gallery
from app.library import tags, timeline
from app.library.timeline import Position, Selection
from app.recognition.recognizer import Recognizer
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.library.conftest import face, fill, row
from tests.photos import OTHER, PERSON
from tests.web.conftest import alert, heading, text
from tests.web.library.conftest import ids


@pytest.fixture
def person_id(library) -> int:
    return ids(library, f"SELECT id FROM person WHERE name = '{PERSON}'")[0]


def months(page) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page.text)


def test_people_are_listed_by_number_of_faces(client):
    page = client.get("/library")
    assert "9 photos with 10 faces, 4 of unknown people , and 1 unreadable file ." in text(page)
    assert re.findall(r'class="name">([^<]*)<', page.text) == [PERSON, OTHER]
    assert "4 faces in 4 photos" in text(page)
    assert "2 people" in text(page)
    assert "since the last naming" not in text(page)
    client.post("/library/faces", data={"face": "1", "confirm": PERSON})
    assert "You have decided about faces since the last naming." in text(client.get("/library"))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("camila", "1 of 2 people"),
        ("camlia", "No person matches “camlia”. Similar names:"),
        ("zz", "No person matches"),
    ],
)
def test_people_are_searched_by_name(client, query, said):
    page = client.get("/library", query_string={"q": query})
    assert said in text(page)
    assert (OTHER in page.text) == (query != "zz")


def test_a_timeline_has_the_newest_month_first_and_undated_photos_last(client, person_id):
    page = client.get(f"/library/people/{person_id}")
    assert heading(page) == PERSON
    assert months(page) == ["May 2021", "July 2019", "No date"]
    assert page.text.count('name="face"') == 4
    # Sizes and lazy loading: nothing moves while the pictures load.
    assert all('width="' in tag and 'loading="lazy"' in tag for tag in re.findall(r'<img class="shot[^>]*>', page.text))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"since": "2019-07-21", "until": "2020-12-31"}, ["July 2019"]),
        ({"until": "2019-07-03"}, ["July 2019"]),
        ({"since": "2022-01-01"}, []),
        ({"unconfirmed": "1"}, ["May 2021", "July 2019", "No date"]),
    ],
)
def test_a_timeline_is_filtered(client, person_id, query, found):
    assert months(client.get(f"/library/people/{person_id}", query_string=query)) == found


def test_confirmed_faces_leave_the_filter(client, library, person_id):
    with library.writing() as connection:
        connection.execute("UPDATE face SET source = 'confirmed'")
    page = client.get(f"/library/people/{person_id}?unconfirmed=1")
    assert "No photo matches the filter." in text(page)
    assert text(client.get(f"/library/people/{person_id}")).count("· Confirmed") == 4


@pytest.mark.parametrize(
    ("query", "said"),
    [("since=yesterday", "is not a date"), ("since=2021-01-01&until=2020-01-01", "is after the last one")],
)
def test_invalid_times_are_explained(client, person_id, query, said):
    page = client.get(f"/library/people/{person_id}?{query}")
    assert (page.status_code, said in alert(page)) == (200, True)


@pytest.mark.parametrize("frequent", [20_000, 1])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_continue_at_a_position_in_both_directions(library, monkeypatch, frequent, size):
    monkeypatch.setattr(timeline, "_FREQUENT", frequent)
    dates = ["2020-01-01T10:00:00", None, "2020-01-01T10:00:00", "2021-05-05T10:00:00", None, "1999-01-01T10:00:00"]
    fill(library, *(row(f"/{n}.jpg", face(), face(x=300), taken=date) for n, date in enumerate(dates)))
    connection = library.connection
    connection.execute("INSERT INTO person (id, name, key) VALUES (900, 'Bo', 'bo')")
    connection.execute(
        "UPDATE face SET person_id = 900 WHERE photo_id IN (SELECT photo_id FROM file WHERE path < '/9')"
    )
    chosen = Selection(900)
    everything = timeline.read_page(connection, chosen).entries
    assert [one.taken for one in everything[::2]] == sorted((date or "" for date in dates), reverse=True)
    pages, after = [], None
    while not pages or after:
        pages.append(timeline.read_page(connection, chosen, after=after, size=size))
        after = pages[-1].older
    assert [one for page in pages for one in page.entries] == everything
    back, before = [], pages[-1].newer
    while before:
        back.append(timeline.read_page(connection, chosen, before=before, size=size))
        before = back[-1].newer
    assert [one for page in [*reversed(back), pages[-1]] for one in page.entries] == everything


@pytest.mark.parametrize("size", [1, 4, 100])
def test_all_photos_are_in_the_timeline_once(client, library, size):
    entries, after = [], None
    while not entries or after:
        page = timeline.read_page(library.connection, Selection(), after=after, size=size)
        entries, after = [*entries, *page.entries], page.older
    assert [one.photo_id for one in entries] == ids(
        library, "SELECT id FROM photo ORDER BY coalesce(taken, '') DESC, id DESC"
    )
    assert months(client.get("/library/photos"))[-2:] == ["March 2018", "No date"]


def test_unknown_faces_are_named_in_the_timeline(client, library):
    page = client.get("/library/photos?unknown=1&since=2021-05-01&until=2021-05-01")
    assert heading(page) == "Unknown faces"
    assert page.text.count('name="face"') == 2
    assert months(client.get("/library/photos?unknown=1&until=2019-12-31")) == []
    assert "is not a date" in alert(client.get("/library/photos?since=x"))


def test_photos_of_two_people_together(client, person_id):
    page = client.get(f"/library/people/{person_id}", query_string={"with": OTHER.lower()})
    assert months(page) == ["July 2019"]
    assert "The library has no person called" in alert(client.get(f"/library/people/{person_id}?with=Bo"))


def test_people_without_a_visible_face_are_listed(client, library, person_id):
    tags.tag(library, 8, PERSON)
    tags.tag(library, 8, "Bo Berg")
    assert months(client.get(f"/library/people/{person_id}"))[-1] == "Face not visible"
    assert "BB Bo Berg Face not visible" in text(client.get("/library"))
    (tagged,) = ids(library, "SELECT id FROM person WHERE name = 'Bo Berg'")
    assert months(client.get(f"/library/people/{tagged}")) == ["Face not visible"]


def test_a_damaged_position_begins_at_the_newest_photo(client, person_id):
    assert Position.parse("x~1") is None
    assert months(client.get(f"/library/people/{person_id}?after='~%00"))[0] == "May 2021"


def test_people_without_faces_are_not_found(client):
    assert client.get("/library/people/900").status_code == 404


def test_naming_says_what_changed(settings, recognizer, folder, library, small_gallery: Gallery):
    small_gallery.remove(OTHER)
    own = settings.with_changes(admin_token=TOKEN, library=folder, database_url="sqlite:///other.sqlite")
    client = create_app(own, Recognizer(own, recognizer.detector, recognizer.network, small_gallery)).test_client()
    client.post("/sign-in", data={"key": TOKEN})
    page = client.post("/library/naming")
    assert heading(page) == "Names of 2 faces changed"
    assert f"{OTHER} no name 2" in text(page)
    assert heading(client.post("/library/naming")) == "No name changed"
    stream = client.post("/library/naming", headers={"Accept": "application/x-ndjson"})
    assert stream.mimetype == "application/x-ndjson"
    assert '"status": 200' in stream.text
    with library.lock():
        answer = client.post("/library/naming")
        assert "Another run is writing" in alert(client.get(answer.location))
