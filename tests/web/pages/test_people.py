"""The pages about people, with the shipped gallery and with a large one."""

import hashlib
import html
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, insert

from app.enrollment.self_check import check_person
from app.gallery.names import initial
from app.gallery.store import Gallery
from app.gallery.tables import AnchorRow, PersonRow, PortraitRow
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.web.factory import create_app
from app.web.pages.people import PAGE_SIZE
from app.web.portraits import CACHE_SECONDS
from tests.conftest import TOKEN
from tests.photos import PERSON
from tests.web.conftest import heading, text

CROWD = 5_000


@pytest.fixture(scope="module")
def crowd(recognizer, tmp_path_factory) -> Iterator[FlaskClient]:
    """A client of an app with `CROWD` people, who have the shipped people's portraits and two anchors each."""
    url = f"sqlite:///{tmp_path_factory.mktemp('crowd') / 'gallery.sqlite'}"
    gallery, ours = Gallery.open(url, recognizer.network.card.id, None), recognizer.gallery
    portraits = [ours.portrait(person.id) for person in ours.people()]
    digests = [hashlib.sha256(portrait).hexdigest() for portrait in portraits]
    anchors, ids = ours.snapshot().anchors[: 2 * CROWD], range(1, CROWD + 1)
    names = {number: f"Person Number {number} With Quite a Long Name" for number in ids}
    # `Gallery.add` thousands of times would take a minute.
    engine = create_engine(url)
    with engine.begin() as connection:
        rows = [{"id": number, "name": name, "key": name.casefold()} for number, name in names.items()]
        connection.execute(insert(PersonRow), rows)
        rows = [{"person_id": row // 2 + 1, "embedding": one.tobytes(), "note": ""} for row, one in enumerate(anchors)]
        connection.execute(insert(AnchorRow), rows)
        shown = [(number, number % len(portraits)) for number in ids]
        rows = [{"person_id": number, "webp": portraits[face], "sha256": digests[face]} for number, face in shown]
        connection.execute(insert(PortraitRow), rows)
    engine.dispose()
    settings = Settings(database_url=url)
    loaded = Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    yield create_app(settings, loaded).test_client()
    gallery.close()


def weight(client: FlaskClient, path: str) -> int:
    """Bytes of a page with everything it shows, lazy portraits included."""
    page, total = client.get(path).text, 0
    for address in {path, *re.findall(r'<(?:img|script|link)[^>]* (?:src|href)="([^"]+)"', page)}:
        with client.get(address.replace("&amp;", "&")) as response:
            assert response.status_code == 200
            total += len(response.data)
    return total


@pytest.mark.parametrize("path", ["/", "/people"])
def test_pages_of_an_empty_gallery_say_how_to_add_people(settings, recognizer, empty_gallery, path):
    own = Recognizer(settings, recognizer.detector, recognizer.network, empty_gallery)
    page = create_app(settings, own).test_client().get(path).text
    assert "The gallery is empty, so every face is unknown. To add people, " in page
    assert "whopic people add" in page


@pytest.mark.parametrize("path", ["/", "/people", "/people?page=2", "/people?q=number"])
def test_a_page_of_thousands_of_people_stays_small(crowd, path):
    assert weight(crowd, path) < 300_000


def test_thousands_can_be_paged_and_searched(crowd):
    page = crowd.get("/people").text
    assert f"5,000 people, page 1 of {-(-CROWD // PAGE_SIZE)}" in page
    assert page.count("<small>2 reference photos</small>") == PAGE_SIZE
    assert "5,000 people, showing the first 48" in text(crowd.get("/"))
    last = crowd.get(f"/people?page={-(-CROWD // PAGE_SIZE)}").text
    assert 'rel="prev"' in last
    assert 'rel="next"' not in last
    found = text(crowd.get("/people?q=4999"))
    assert "1 of 5,000 people" in found
    assert "Person Number 4999 With Quite a Long Name" in found


def test_following_next_shows_everyone_once(client, recognizer):
    address, seen = "/people", []
    while address:
        page = client.get(address).text
        seen += re.findall(r'<span class="name">(.*?)</span>', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        address = found and found[1].replace("&amp;", "&")
    # Jinja writes an apostrophe as an entity.
    assert [name.replace("&#39;", "'") for name in seen] == [person.name for person in recognizer.gallery.people()]


def test_letters_lead_to_the_first_name_on_its_page(client, recognizer):
    recognizer.gallery.add("50 Cent", recognizer.gallery.snapshot().anchors[:1], ["test"])
    try:
        page = client.get("/people?page=2").text
        links = re.findall(r'<a href="(/people\?page=\d+)#([\w-]+)"[^>]*>(.)</a>', page)
        names = [person.name for person in recognizer.gallery.people()]
        assert [letter for _, _, letter in links] == [*sorted({initial(name) for name in names} - {"#"}), "#"]
        for address, target, letter in links:
            found = re.search(rf'<li id="{target}">.*?<span class="name">(.*?)</span>', client.get(address).text)
            assert html.unescape(found[1]) == next(name for name in names if initial(name) == letter)
        assert 'aria-label="First letter"' not in client.get("/people?q=a").text
    finally:
        recognizer.gallery.rights.erase(["50 Cent"])


def test_search_folds_accents_and_keeps_to_its_pages(client):
    assert re.findall(r'<span class="name">(.*?)</span>', client.get("/people?q=BEYONCE").text) == ["Beyoncé"]
    assert "No person matches “xyz &lt;b&gt;”.</p>" in client.get("/people?q=xyz+<b>").text
    assert 'href="/people?q=a&amp;page=2" rel="next"' in client.get("/people?q=a").text


@pytest.mark.parametrize("path", ["/people", "/"])
def test_a_misspelled_name_gets_suggestions(client, recognizer, path):
    page = client.get(f"{path}?q=jenifer")
    links = re.findall(r'<a href="(/people/\d+)">(Jennifer [^<]+)</a>', page.text)
    names = [name for _, name in links]
    assert f"No person matches “jenifer”. Did you mean {names[0]} , {names[1]} or {names[2]} ?" in text(page)
    assert links[0][0] == f"/people/{recognizer.gallery.find(names[0]).id}"
    assert page.text.count('<img class="portrait"') == 3


@pytest.mark.parametrize("page", ["0", "-1", "99", str(10**30)])
def test_pages_that_do_not_exist(client, page):
    assert client.get(f"/people?page={page}").status_code == 404


def test_portraits_are_lazy_and_cached_for_an_hour(client):
    images = re.findall(r'<img class="portrait"[^>]*>', client.get("/people").text)
    assert len(images) == PAGE_SIZE
    assert all('loading="lazy"' in image for image in images)
    address = re.search(r'src="([^"]+)"', images[0])[1]
    assert client.get(address).cache_control.max_age == CACHE_SECONDS == 3600


def test_a_persons_page(client, recognizer):
    person = recognizer.gallery.find(PERSON)
    page = client.get(f"/people/{person.id}")
    assert heading(page) == PERSON
    assert f'alt="Average face of {PERSON}"' in page.text
    check = check_person(recognizer, person.id)
    assert f"{check.identified} of {person.anchors} reference photos are recognized when left out" in text(page)
    assert "New photos are recognized somewhat less often." in text(page)
    assert page.text.index("<details") < page.text.index("<dt>Reference photos</dt>")
    rows = re.findall(r'<a class="person" href="(/people/\d+)">', page.text)
    assert len(rows) == 6
    assert heading(client.get(rows[0])) != PERSON
    distances = [float(one) for one in re.findall(r'<span class="number">([\d.]+)</span>', page.text)]
    assert distances == sorted(distances)


def test_a_poorly_recognized_person_gets_advice(client, settings, recognizer):
    snapshot = recognizer.gallery.snapshot()
    person = recognizer.gallery.add("Mixed", snapshot.anchors[snapshot.offsets[:3]], ["1", "2", "3"])
    admin = create_app(settings.with_changes(admin_token=TOKEN), recognizer).test_client()
    admin.post("/sign-in", data={"key": TOKEN})
    try:
        page = text(client.get(f"/people/{person.id}"))
        assert "0 of 3 reference photos are recognized when left out" in page
        assert "The server may not recognize new photos." in page
        assert "Add more photos" not in page
        page = admin.get(f"/people/{person.id}")
        assert "Add more photos: sharp, front-on and from other days." in text(page)
        assert '<a class="button" href="/manage/add?name=Mixed">Add photos</a>' in page.text
    finally:
        recognizer.gallery.rights.erase(["Mixed"])


def test_a_person_of_one_anchor_without_portrait(client, recognizer):
    anchor = recognizer.gallery.snapshot().anchors[:1]
    person = recognizer.gallery.add("Jo <Bloggs>", anchor, ["test"])
    try:
        page = client.get(f"/people/{person.id}")
        assert page.status_code == 200
        assert "<h1>Jo &lt;Bloggs&gt;</h1>" in page.text
        assert "<dt>Spread</dt>" not in page.text
        assert "has one reference photo. Recognition cannot be checked with a single photo." in text(page)
        recognizer.gallery.remove_anchors(person.id, [recognizer.gallery.anchors(person.id)[0].id])
        page = client.get(f"/people/{person.id}")
        assert "has no reference photo, so the server cannot recognize them." in text(page)
        assert "<details" not in page.text
    finally:
        recognizer.gallery.remove("Jo <Bloggs>")


@pytest.mark.parametrize("person_id", [0, 99_999, 2**40])
def test_missing_people(client, person_id):
    assert client.get(f"/people/{person_id}").status_code == 404
