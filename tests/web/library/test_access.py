"""Access to the library's pages: sign-in, caching, and folders that cannot be shown."""

import re

import pytest

from app.library.store import Library
from app.web.factory import create_app
from app.web.library.blueprint import blueprint
from app.web.middleware.rate_limits import WorkLimit
from tests.conftest import TOKEN
from tests.web.conftest import heading, text


def routes(app) -> list[tuple[str, str]]:
    """Return method and address of every route of the blueprint, with the ID 1."""
    return [
        (method, re.sub(r"<[^>]*>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint.name}.")
        for method in rule.methods - {"OPTIONS"}
    ]


def test_nothing_is_served_without_sign_in(app):
    visitor = app.test_client()
    found = routes(app)
    assert len(found) > 5
    for method, address in found:
        answer = visitor.open(address, method=method)
        assert (answer.status_code, answer.cache_control.no_store) == (401 if method == "POST" else 303, True), address
        if method == "GET":
            assert answer.location.startswith("/sign-in?next=/library"), address
    assert 'href="/library"' not in visitor.get("/").text


def test_sign_in_returns_to_the_page(app):
    visitor = app.test_client()
    answer = visitor.post("/sign-in", data={"key": TOKEN, "next": "/library?q=a"})
    assert answer.location == "/library?q=a"
    assert 'href="/library"' in visitor.get("/").text


def test_pages_are_not_cached(client):
    for method, address in routes(client.application):
        if method == "GET":
            answer = client.get(address)
            assert answer.cache_control.no_store or answer.cache_control.private, address


def test_without_a_library_there_are_no_pages(settings, recognizer):
    client = create_app(settings.with_changes(admin_token=TOKEN), recognizer).test_client()
    client.post("/sign-in", data={"key": TOKEN})
    assert client.get("/library").status_code == 404
    assert 'href="/library"' not in client.get("/").text


@pytest.mark.parametrize("page", ["/library", "/library/pictures/faces/1.webp"])
def test_a_folder_without_library_is_explained(settings, recognizer, tmp_path, page):
    app = create_app(settings.with_changes(admin_token=TOKEN, library=tmp_path / "none"), recognizer)
    client = app.test_client()
    client.post("/sign-in", data={"key": TOKEN})
    answer = client.get(page)
    assert (answer.status_code, heading(answer)) == (503, "Library unavailable")
    assert "is not a library. Make one with: whopic library index" in text(answer)
    assert not (tmp_path / "none").exists()


def test_a_library_of_another_network_is_explained(client, folder):
    with Library.open(folder) as library:
        library.write_property("origin", {"network": "other"})
    answer = client.get("/library")
    assert answer.status_code == 503
    assert "were made with another network" in text(answer)


def test_a_library_without_photos_says_how_to_index(client, library):
    with library.writing() as connection:
        connection.execute("DELETE FROM photo")
    assert "The library has no photos yet." in text(client.get("/library"))


def test_pages_work_while_another_process_writes(client, library):
    with library.lock(), library.writing() as connection:
        connection.execute("DELETE FROM face")
        assert "with 10 faces" in text(client.get("/library"))


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("pictures/faces/{}.webp", 404),
        ("changes?before={}", 200),
        ("photos/1?person={}", 200),
        ("groups?after={}-1", 200),
        ("review?after=names_0.5_{}", 200),
    ],
)
def test_numbers_that_no_database_has_are_no_server_error(client, address, status):
    for digits in (20, 5000):
        assert client.get(f"/library/{address.format('9' * digits)}").status_code == status


def test_administrators_have_no_limit_of_requests_and_their_pictures_count_as_no_work(
    settings, recognizer, folder, monkeypatch
):
    charged = []
    monkeypatch.setattr(WorkLimit, "charge", lambda _limit, _client, seconds: charged.append(seconds))
    own = settings.with_changes(admin_token=TOKEN, library=folder, rate_limit="2/minute", client_seconds=1)
    client = create_app(own, recognizer).test_client()
    client.post("/sign-in", data={"key": TOKEN})
    charged.clear()
    assert client.get("/library/pictures/photos/1.webp").mimetype == "image/webp"
    assert charged == []
    assert {client.post("/library/faces").status_code for _ in range(4)} == {303}
    visitor = client.application.test_client()
    assert [visitor.post("/details").status_code for _ in range(2)][-1] == 429
