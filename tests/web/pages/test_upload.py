import re

from app.vision.decoding import FORMAT_NAMES
from app.web.pages.identify import MAX_TILES
from tests.web.test_budget import own_files


def test_the_page_names_the_formats(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "Drag and drop an image here, or click to select" in page.text
    assert FORMAT_NAMES in page.text
    assert "up to 20 MB" in page.text


def test_the_form_works_without_javascript(client):
    page = client.get("/").text
    assert 'action="/identify" method="post" enctype="multipart/form-data"' in page
    assert re.search(r'<input [^>]*type="file" name="image"', page)
    assert '<button type="submit">' in page


def test_the_page_stays_small(client, recognizer):
    page = client.get("/")
    people = recognizer.gallery.people()
    assert page.text.count("<li>") == MAX_TILES < len(people)
    assert len(re.findall(r'/portrait\.webp[^>]*loading="lazy"', page.text)) == sum(
        person.has_portrait for person in people[:MAX_TILES]
    )
    assert f"{len(people)} people, showing the first {MAX_TILES}" in page.text
    portraits = sum(len(recognizer.gallery.portrait(person.id) or b"") for person in people[:MAX_TILES])
    assert len(page.data) + portraits + sum(map(len, own_files().values())) < 300_000


def test_search_finds_any_case_and_accent(client, recognizer, settings):
    recognizer.gallery.add("Zoë Ñandú", recognizer.gallery.snapshot().anchors[:1], ["test"])
    try:
        page = client.get("/", query_string={"q": "NANDÚ zoe"}).text
    finally:
        recognizer.gallery.remove("Zoë Ñandú")
    assert page.count("<li>") == 1
    assert "Zoë Ñandú" in page
    assert '<span class="portrait initials" aria-hidden="true">ZÑ</span>' in page


def test_a_search_without_result_escapes_the_query(client):
    page = client.get("/", query_string={"q": "<script>x"}).text
    assert "No person matches “&lt;script&gt;x”." in page
    assert "<li>" not in page


def test_a_portrait_with_its_hash_is_cached_by_the_browser_only(client):
    address = re.search(r'src="(/people/\d+/portrait\.webp\?v=[0-9a-f]+)"', client.get("/").text)[1]
    answer = client.get(address)
    assert answer.mimetype == "image/webp"
    assert answer.cache_control.private
    assert not answer.cache_control.public
    assert client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_portrait_without_its_hash_is_not_cached(client, recognizer):
    person = next(person for person in recognizer.gallery.people() if person.has_portrait)
    answer = client.get(f"/people/{person.id}/portrait.webp")
    assert answer.data == recognizer.gallery.portrait(person.id)
    assert answer.cache_control.no_cache


def test_a_missing_portrait_is_a_404(client):
    assert client.get("/people/999999999/portrait.webp").status_code == 404
