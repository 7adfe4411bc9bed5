"""The pages about people, with the shipped gallery and with a large one."""

import itertools
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.gallery import shipped
from app.gallery.store import Gallery
from app.settings import Settings
from app.web.people_pages import PAGE
from tests.photos import PERSON
from tests.web.conftest import heading, text

CROWD = 5_000


@pytest.fixture(scope="module")
def crowd(recognizer, tmp_path_factory) -> Iterator[FlaskClient]:
    """A client of an app with `CROWD` people, who have the shipped people's portraits and two anchors each."""
    folder, ours = tmp_path_factory.mktemp("crowd"), recognizer.gallery
    portraits = itertools.cycle([ours.portrait(person.id) for person in ours.people()])
    anchors = ours.snapshot().anchors
    people = (
        (f"Person Number {number} With Quite a Long Name", anchors[number * 2 : number * 2 + 2], next(portraits))
        for number in range(CROWD)
    )
    shipped.write(folder / "anchors", recognizer.network.card.id, people)
    settings = Settings(database_url=f"sqlite:///{folder / 'gallery.sqlite'}")
    gallery = Gallery.open(settings.database_url, recognizer.network.card.id, folder / "anchors")
    loaded = SimpleNamespace(gallery=gallery, network=recognizer.network, detector=recognizer.detector)
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


@pytest.mark.parametrize("path", ["/", "/people", "/people?page=2", "/people?q=number"])
def test_a_page_of_thousands_of_people_stays_small(crowd, path):
    assert weight(crowd, path) < 300_000


def test_thousands_can_be_paged_and_searched(crowd):
    page = crowd.get("/people").text
    assert f"5,000 people, page 1 of {-(-CROWD // PAGE)}" in page
    assert page.count('<span class="anchors">2 anchors</span>') == PAGE
    last = crowd.get(f"/people?page={-(-CROWD // PAGE)}").text
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


def test_search_folds_accents_and_keeps_to_its_pages(client):
    assert re.findall(r'<span class="name">(.*?)</span>', client.get("/people?q=BEYONCE").text) == ["Beyoncé"]
    assert "Nobody called “xyz &lt;b&gt;” is in the gallery." in client.get("/people?q=xyz+<b>").text
    assert 'href="/people?q=a&amp;page=2" rel="next"' in client.get("/people?q=a").text


@pytest.mark.parametrize("page", ["0", "-1", "99", str(10**30)])
def test_pages_that_do_not_exist(client, page):
    assert client.get(f"/people?page={page}").status_code == 404


def test_portraits_are_lazy_and_kept_for_ever(client):
    images = re.findall(r'<img class="portrait"[^>]*>', client.get("/people").text)
    assert len(images) == PAGE
    assert all('loading="lazy"' in image for image in images)
    address = re.search(r'src="([^"]+)"', images[0])[1]
    assert client.get(address).cache_control.immutable


def test_a_persons_page(client, recognizer):
    person = recognizer.gallery.find(PERSON)
    page = client.get(f"/people/{person.id}")
    assert heading(page) == PERSON
    assert f'alt="Average face of {PERSON}"' in page.text
    assert f"<dt>Anchors</dt><dd>{person.anchors}</dd>" in page.text
    rows = re.findall(r'<a class="person" href="(/people/\d+)">', page.text)
    assert len(rows) == 6
    assert heading(client.get(rows[0])) != PERSON
    distances = [float(one) for one in re.findall(r'<span class="number">([\d.]+)</span>', page.text)]
    assert distances == sorted(distances)


def test_a_person_of_one_anchor_without_portrait(client, recognizer):
    anchor = recognizer.gallery.snapshot().anchors[:1]
    person = recognizer.gallery.add("Jo <Bloggs>", anchor, ["test"])
    try:
        page = client.get(f"/people/{person.id}")
        assert page.status_code == 200
        assert "Jo &lt;Bloggs&gt;" in heading(page)
        assert "<dt>Spread</dt>" not in page.text
        assert "compared with the one picture of" in text(page)
    finally:
        recognizer.gallery.remove("Jo <Bloggs>")


@pytest.mark.parametrize("person_id", [0, 99_999, 2**40])
def test_nobody(client, person_id):
    assert client.get(f"/people/{person_id}").status_code == 404
