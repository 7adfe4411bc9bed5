"""Sign-in of administrators with the token: cookie, expiry, limits and CSRF protection."""

from datetime import timedelta

import pytest

from app.errors import SettingsError
from app.gallery.tables import now
from app.settings import Settings
from app.web.auth import WRONG_KEY
from app.web.factory import create_app
from tests.conftest import TOKEN
from tests.web.conftest import alert, heading, text


@pytest.fixture
def app(settings, recognizer):
    return create_app(settings.with_changes(admin_token=TOKEN), recognizer)


@pytest.fixture
def client(app):
    """A visitor who has not signed in."""
    return app.test_client()


def cookie(answer) -> str:
    return answer.headers["Set-Cookie"]


def test_without_a_token_sign_in_is_disabled(settings, recognizer):
    client = create_app(settings, recognizer).test_client()
    assert "is disabled: the server has no FACES_ADMIN_TOKEN" in text(client.get("/sign-in"))
    assert client.post("/sign-in", data={"key": "off"}).status_code == 403
    answer = client.get("/manage")
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/manage")
    assert "Set-Cookie" not in answer.headers
    assert 'href="/manage"' not in client.get("/").text


def test_signing_in_and_out(client):
    answer = client.get("/manage/check")
    assert answer.location == "/sign-in?next=/manage/check"
    page = client.get(answer.location)
    assert heading(page) == "Administrator sign-in"
    assert page.cache_control.no_store
    wrong = client.post("/sign-in", data={"key": "wrong"})
    assert (wrong.status_code, alert(wrong)) == (401, WRONG_KEY)
    assert "Set-Cookie" not in wrong.headers

    answer = client.post("/sign-in", data={"key": TOKEN, "next": "/manage/check"})
    assert (answer.status_code, answer.location) == (303, "/manage/check")
    assert all(part in cookie(answer) for part in ("HttpOnly", "SameSite=Strict", "Expires=", "Path=/"))
    assert TOKEN not in cookie(answer)
    page = client.get("/manage")
    assert page.status_code == 200
    assert page.cache_control.no_store
    assert 'href="/manage"' in client.get("/").text
    assert client.get("/sign-in").location == "/manage"

    answer = client.post("/sign-out")
    assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (303, '"cache", "storage"')
    assert client.get("/manage").status_code == 303


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/manage\\evil", "/\\evil.example", "javascript:x", "/x"]
)
def test_redirects_stay_on_the_site(client, target):
    assert client.post("/sign-in", data={"key": TOKEN, "next": target}).location == "/manage"
    assert target not in client.get("/sign-in", query_string={"next": target}).text


def test_cookies_set_over_tls_are_secure(client):
    answer = client.post("/sign-in", data={"key": TOKEN}, base_url="https://localhost")
    # Only this host can set a cookie with this prefix, not another subdomain.
    assert cookie(answer).startswith("__Host-whopic=")
    assert {"Secure", "Path=/"} <= set(cookie(answer).split("; "))
    assert "Domain" not in cookie(answer)
    assert client.get("/manage", base_url="https://localhost").status_code == 200
    assert client.get("/manage").status_code == 303
    plain = cookie(client.post("/sign-in", data={"key": TOKEN}))
    assert plain.startswith("whopic=")
    assert "Secure" not in plain


def test_a_session_expires(client, monkeypatch):
    client.post("/sign-in", data={"key": TOKEN})
    for hours in range(1, 12):
        monkeypatch.setattr("app.gallery.access_keys.now", lambda hours=hours: now() + timedelta(hours=hours))
        # The message for the next page sets a new cookie, which must not extend the session.
        client.post("/manage/rejected")
        assert client.get("/manage").status_code == 200
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() + timedelta(hours=12))
    assert client.get("/manage").status_code == 303


def test_an_idle_session_ends(client, monkeypatch):
    client.post("/sign-in", data={"key": TOKEN})
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() + timedelta(minutes=119))
    assert client.get("/manage").status_code == 200
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() + timedelta(minutes=119 + 121))
    assert client.get("/manage").status_code == 303


def test_signing_out_ends_copies_of_the_cookie(app):
    owner, thief = app.test_client(), app.test_client(use_cookies=False)
    copied = cookie(owner.post("/sign-in", data={"key": TOKEN})).partition(";")[0]
    assert thief.get("/manage", headers={"Cookie": copied}).status_code == 200
    owner.post("/sign-out")
    assert thief.get("/manage", headers={"Cookie": copied}).status_code == 303


@pytest.mark.parametrize(("seconds", "status"), [(2, 200), (200, 200), (400, 303)])
def test_a_clock_that_is_set_back_a_little_keeps_the_session(client, monkeypatch, seconds, status):
    client.post("/sign-in", data={"key": TOKEN})
    monkeypatch.setattr("app.gallery.access_keys.now", lambda: now() - timedelta(seconds=seconds))
    monkeypatch.setattr("app.web.sessions.time.time", lambda: now().timestamp() - seconds)
    assert client.get("/manage").status_code == status


def test_a_new_token_ends_every_session(client, settings, recognizer):
    made = cookie(client.post("/sign-in", data={"key": TOKEN})).partition(";")[0]
    for token, status in ((TOKEN, 200), (f"{TOKEN}!", 303)):
        other = create_app(settings.with_changes(admin_token=token), recognizer).test_client(use_cookies=False)
        assert other.get("/manage", headers={"Cookie": made}).status_code == status


def test_sign_in_attempts_are_limited(app):
    signed_in, other = app.test_client(), app.test_client()
    signed_in.post("/sign-in", data={"key": TOKEN})
    assert [other.post("/sign-in", data={"key": "no"}).status_code for _ in range(12)] == [401] * 10 + [429] * 2
    assert other.post("/sign-in", data={"key": TOKEN}).status_code == 429
    assert signed_in.get("/manage").status_code == 200


def test_other_sites_cannot_use_the_session(client):
    client.post("/sign-in", data={"key": TOKEN})
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
    ):
        assert client.post("/manage/undo", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/manage/undo", "/manage/add", "/manage/faces", "/manage/people/1/remove"])
def test_forms_without_a_session_are_rejected(client, recognizer, path):
    before = recognizer.gallery.history()
    answer = client.post(path, data={"change": "1", "name": "Bo"})
    assert answer.status_code == 401
    assert heading(answer) == "Session expired"
    assert recognizer.gallery.history() == before


def test_a_short_token_is_an_invalid_setting():
    with pytest.raises(SettingsError, match=r"FACES_ADMIN_TOKEN has 6 characters\. It must be off, or at least 16"):
        Settings(admin_token="secret")
