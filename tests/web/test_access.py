"""Access control: keys, sessions, accounts of a proxy, and every route for every kind of sender."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from app.errors import SettingsError
from app.gallery.store import Gallery
from app.gallery.tables import now
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.web.factory import create_app
from app.web.middleware.access import PUBLIC, needed_scopes
from tests.conftest import TOKEN
from tests.web.api.conftest import assert_problem
from tests.web.conftest import heading, text

SCOPES = {"reader": ("identify", "read"), "identify": ("identify",), "metrics": ("metrics",), "manage": ("manage",)}
PROXY = "10.1.2.3"


@pytest.fixture
def gallery(tmp_path, recognizer, unit_vectors) -> Gallery:
    gallery = Gallery.open(f"sqlite:///{tmp_path / 'access.sqlite'}", recognizer.network.card.id, None)
    yield gallery
    gallery.close()


@pytest.fixture
def serve(settings, recognizer, gallery, tmp_path):
    """Make a client of a server with a gallery of its own: `serve(access="keys")`."""
    own = Recognizer(settings, recognizer.detector, recognizer.network, gallery)

    def make(**changes) -> FlaskClient:
        changes = {"access": "keys", "library": tmp_path} | changes
        return create_app(settings.with_changes(**changes), own).test_client()

    yield make
    own.decoder.close()


@pytest.fixture
def keys(gallery) -> dict[str, str]:
    """Return the secret of a key for each kind of sender."""
    return {name: gallery.keys.create(name, scopes, None)[1] for name, scopes in SCOPES.items()}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def routes(client: FlaskClient) -> list[tuple[str, str, str]]:
    """Return method, address and endpoint of every route, from the URL map."""
    found = [
        (method, re.sub(r"<int:[^>]*>", "1", re.sub(r"<(path:)?(filename|name|key)>", "x", rule.rule)), rule.endpoint)
        for rule in client.application.url_map.iter_rules()
        for method in sorted(rule.methods - {"OPTIONS", "HEAD"})
    ]
    assert len(found) > 80
    return found


def sign_in(client: FlaskClient, secret: str, status: int = 303) -> FlaskClient:
    assert client.post("/sign-in", data={"key": secret}).status_code == status
    return client


def refused(answer) -> bool:
    return answer.status_code in (401, 403) or "/sign-in" in (answer.location or "")


def test_every_route_has_a_rule(serve):
    client = serve()
    assert [endpoint for _, _, endpoint in routes(client) if needed_scopes(endpoint) is None] == []
    client.application.add_url_rule("/new", "new", lambda: "secret")
    assert client.get("/new").location == "/sign-in?next=/new"


SENDERS = ("anonymous", "forged", "reader", "identify", "metrics", "manage")


@pytest.mark.parametrize("mode", ["open", "keys"])
def test_every_route_admits_only_senders_with_its_scope(serve, keys, monkeypatch, mode):
    monkeypatch.setattr("app.web.middleware.rate_limits.KEY_ATTEMPTS", "100000/minute")
    client = serve(access=mode, rate_limit="off", client_seconds="off")
    # Ends the session of the sender.
    skipped = {"sign_in.sign_out", "admin.end_sessions"}
    for sender in SENDERS:
        granted = set(SCOPES.get(sender, ())) | ({"identify", "read", "metrics"} if mode == "open" else set())
        granted |= {"identify", "read", "metrics"} if "manage" in granted else set()
        page = client.application.test_client()
        headers = bearer(keys.get(sender, "whopic_forged")) if sender != "anonymous" else {}
        if sender in keys:
            sign_in(page, keys[sender])
        elif sender == "forged":
            page.set_cookie("whopic", "eyJpZCI6MX0.aSl6Xw.c2lnbmF0dXJl")
        for method, address, endpoint in routes(client):
            if endpoint in skipped:
                continue
            # The address of a program takes a key and no session, a page a session and no key.
            program = address.startswith(("/api/v1", "/metrics"))
            sent = client.application.test_client() if program else page
            options = {"headers": headers} if program else {}
            answer = sent.open(address, method=method, **options)
            needed = needed_scopes(endpoint)
            allowed = needed == PUBLIC or bool(granted & set(needed))
            assert answer.status_code != 429
            if endpoint != "sign_in.sign_in":
                assert refused(answer) is not allowed, (mode, sender, method, address, answer.status)
            if program and not allowed:
                code = "insufficient_scope" if sender in keys else "unauthorized"
                assert answer.get_json()["code"] == code, (sender, method, address)
            if program and needed != PUBLIC and sender != "anonymous":
                # Neither a session nor a key at the wrong kind of address gives access.
                assert page.open(address, method=method).status_code in (401, 403) or mode == "open"


def test_a_key_gives_no_access_to_pages(serve, keys):
    client = serve()
    for header in (bearer(keys["manage"]), {"Cookie": f"whopic={keys['manage']}"}):
        assert client.get("/people", headers=header).location == "/sign-in?next=/people"


def test_wrong_keys_are_limited_at_the_metrics_too(serve):
    client = serve(access="keys")
    wrong = {"Authorization": "Bearer wrong"}
    assert [client.get("/metrics", headers=wrong).status_code for _ in range(11)] == [401] * 10 + [429]


def test_refusals_have_codes_sentences_and_scopes(serve, keys, gallery):
    client = serve()
    answer = client.get("/api/v1/people")
    assert_problem(answer, 401, "unauthorized", "Send an access key in the header Authorization: Bearer KEY.")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="whopic"'
    assert_problem(client.get("/api/v1/people", headers=bearer("x")), 401, "unauthorized", "The key is unknown.")
    sentence = "The key identify allows identify. This needs read. Ask the operator for another."
    assert_problem(client.get("/api/v1/people", headers=bearer(keys["identify"])), 403, "insufficient_scope", sentence)
    gallery.keys.revoke("Reader")
    sentence = "The key reader was revoked. Ask the operator for another one."
    assert_problem(client.get("/api/v1/people", headers=bearer(keys["reader"])), 401, "key_revoked", sentence)
    _, old = gallery.keys.create("old", ["read"], timedelta(seconds=-1))
    assert_problem(client.get("/api/v1/people", headers=bearer(old)), 401, "key_expired", "The key old expired on")
    page = sign_in(client, keys["identify"]).get("/people")
    assert (page.status_code, heading(page)) == (403, "No access")
    assert "The key identify allows identify. This needs read." in text(page)


def test_pages_show_what_the_key_allows(serve, keys):
    client = serve()
    page = client.get("/", follow_redirects=True)
    assert heading(page) == "Sign in"
    assert 'href="/people"' not in page.text
    client.post("/sign-in", data={"key": keys["reader"], "next": "/people?q=a"})
    page = client.get("/")
    assert ('href="/people"' in page.text, 'href="/manage"' in page.text, "Sign out" in page.text) == (
        True,
        False,
        True,
    )
    assert page.cache_control.no_store
    sign_in(client, keys["identify"])
    page = client.get("/")
    assert ('href="/compare"' in page.text, 'href="/people"' in page.text) == (True, False)
    page = sign_in(client, keys["manage"]).get("/manage")
    assert (heading(page), "Sign out" in page.text) == ("Gallery management", True)


def test_the_field_of_the_key_is_masked_and_works_with_password_managers(serve):
    page = serve().get("/sign-in").text
    assert re.search(r'<input id="key" type="password" name="key" autocomplete="current-password"', page)
    assert "<script" not in page
    assert len(re.findall("<input(?! type=.hidden)", page)) == 1


def test_public_addresses_stay_reachable(serve):
    client = serve()
    for path in ("/healthz/live", "/healthz/ready", "/static/site.css", "/privacy", "/sign-in", "/api/openapi.json"):
        with client.get(path) as answer:
            assert answer.status_code == 200, path
    assert client.get("/metrics").status_code == 401
    assert client.get("/nothing").status_code == 404


def test_the_document_states_the_scope_of_each_operation(serve):
    for mode, optional in (("open", [{}]), ("keys", [])):
        paths = serve(access=mode).get("/api/openapi.json").get_json()["paths"]
        assert paths["/api/v1/identify"]["post"]["security"] == [*optional, {"key": ["identify"]}]
        assert paths["/api/v1/people"]["get"]["security"] == [*optional, {"key": ["read"]}]
        assert paths["/api/v1/people"]["post"]["security"] == [{"key": ["manage"]}]
        assert {"401", "403"} <= paths["/api/v1/identify"]["post"]["responses"].keys()


ENDINGS = {
    "revoked": lambda gallery, _: gallery.keys.revoke("manage"),
    "ended": lambda gallery, _: gallery.keys.end_sessions(),
    "expired": lambda _, patch: patch.setattr("app.gallery.access_keys.now", lambda: now() + timedelta(hours=13)),
    "idle": lambda _, patch: patch.setattr("app.gallery.access_keys.now", lambda: now() + timedelta(hours=3)),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_sessions_end_in_every_process(serve, keys, gallery, monkeypatch, ending):
    first = sign_in(serve(), keys["manage"])
    other = serve()
    other.set_cookie("whopic", first.get_cookie("whopic").value)
    assert [client.get("/manage").status_code for client in (first, other)] == [200, 200]
    ENDINGS[ending](gallery, monkeypatch)
    assert [client.get("/manage").status_code for client in (first, other)] == [303, 303]
    assert first.post("/manage/undo").status_code == 401


def test_signing_in_again_changes_the_session(serve, keys):
    client = sign_in(serve(), keys["manage"])
    before = client.get_cookie("whopic").value
    sign_in(client, keys["manage"])
    assert client.get_cookie("whopic").value != before
    client.set_cookie("whopic", before)
    assert client.get("/manage").status_code == 303


def test_sign_ins_and_refusals_are_in_the_audit_log(serve, keys, gallery):
    client = serve(admin_token=TOKEN)
    sign_in(client, keys["manage"])
    client.post("/sign-out")
    sign_in(client, TOKEN)
    sign_in(client, "wrong", 401)
    client.get("/api/v1/people", headers=bearer("whopic_wrong"))
    client.get("/api/v1/people")
    found = [(one.action, one.actor) for one in reversed(gallery.audit.entries(5))]
    assert found == [
        ("signed_in", "key:manage"),
        ("signed_out", "key:manage"),
        ("signed_in", "token"),
        ("sign_in_refused", "visitor"),
        ("sign_in_refused", "visitor"),
    ]
    assert gallery.audit.entries(1)[0].details == {"reason": "unauthorized", "address": "127.0.0.1"}
    assert "wrong" not in "".join(gallery.audit.export())


def test_the_actor_of_a_change_is_the_key(serve, keys, gallery, unit_vectors):
    gallery.add("Ann", unit_vectors(1), ["a.jpg"])
    serve().patch("/api/v1/people/1", headers=bearer(keys["manage"]), json={"name": "Anna"})
    assert gallery.history(1)[0].actor == "key:manage"
    client = sign_in(serve(), keys["manage"])
    client.post("/manage/people/1/rename", data={"name": "Annie"})
    assert [one.actor for one in gallery.audit.entries(2)] == ["key:manage"] * 2
    gallery.undo()
    assert gallery.audit.entries(1)[0].actor == "system"
    assert "key manage" in text(client.get("/manage"))
    assert "Renamed: Annie" in text(client.get("/manage/audit"))


def test_keys_are_created_shown_once_and_revoked_on_the_page(serve, keys, gallery):
    client = sign_in(serve(), keys["manage"])
    form = {"name": "News <b>", "scope": ["identify", "read"], "days": "30"}
    page = client.post("/manage/keys", data=form)
    secret = re.search(r'class="secret">([^<]*)<', page.text)[1]
    assert (page.status_code, page.cache_control.no_store) == (201, True)
    key = gallery.keys.find(secret)
    assert (key.name, key.scopes, (key.expires - now()).days) == ("News <b>", ("identify", "read"), 29)
    page = client.get("/manage/keys")
    assert secret not in page.text
    assert "News &lt;b&gt;" in page.text
    answer = client.post("/manage/keys/revoke", data={"name": "News <b>"})
    assert "The key News <b> was revoked." in alert_or_done(client, answer)
    assert gallery.keys.find(secret).state == "revoked"
    for wrong in (
        {"name": "x", "days": "30"},
        {"name": "x", "scope": "all", "days": "30"},
        form,
        {**form, "days": "7"},
    ):
        before = len(gallery.keys.list())
        assert client.post("/manage/keys", data=wrong).status_code == 303
        assert len(gallery.keys.list()) == before


def alert_or_done(client, answer) -> str:
    return text(client.get(answer.location)).replace("&lt;", "<").replace("&gt;", ">")


def accounts(serve, **changes) -> FlaskClient:
    return serve(
        **{
            "access": "proxy",
            "proxies": 1,
            "proxy_addresses": f"{PROXY},192.168.0.0/16",
            "proxy_readers": "staff,press",
            "proxy_administrators": "admins",
            "trusted_hosts": "localhost",
        }
        | changes
    )


def ask(client, path="/people", address=PROXY, method="GET", **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open(path, method=method, headers=sent, environ_base={"REMOTE_ADDR": address})


HEADERS = [
    {},
    {"proxy_user_header": "Remote-User", "proxy_groups_header": "Remote-Groups"},
]


@pytest.mark.parametrize("names", HEADERS)
def test_groups_of_an_account_give_roles(serve, names):
    client = accounts(serve, **names)
    user, groups = (names.get(f"proxy_{kind}_header", f"X-Forwarded-{kind.title()}") for kind in ("user", "groups"))
    for group, statuses in (
        ("staff", (200, 403, 200)),
        ("other,press", (200, 403, 200)),
        ("admins", (200, 200, 200)),
        ("", (403, 403, 403)),
        ("Staff,admin,adminss", (403, 403, 403)),
    ):
        headers = {user: "ann@example.org", groups: group}
        found = tuple(ask(client, path, **headers).status_code for path in ("/people", "/manage", "/api/v1/people"))
        assert found == statuses, group


def test_an_account_is_named_in_the_logs_and_needs_no_session(serve, gallery, unit_vectors):
    gallery.add("Ann", unit_vectors(1), ["a.jpg"])
    client = accounts(serve)
    headers = {"X-Forwarded-User": "Ann@example.org", "X-Forwarded-Groups": "admins"}
    answer = ask(client, "/manage/people/1/remove", method="POST", **headers)
    assert answer.status_code == 303
    assert gallery.history(1)[0].actor == "account:Ann@example.org"
    page = ask(client, "/manage", **headers)
    assert ("account Ann@example.org" in text(page), "Sign out" in page.text) == (True, False)


@pytest.mark.parametrize("address", ["10.1.2.4", "127.0.0.1", "::1", "8.8.8.8", ""])
def test_headers_of_other_addresses_are_refused(serve, gallery, address):
    client = accounts(serve)
    for forwarded in ({}, {"X-Forwarded-For": PROXY}, {"X-Forwarded-For": f"{PROXY}, {PROXY}"}, {"X-Real-IP": PROXY}):
        answer = ask(client, address=address, **{"X-Forwarded-User": "ann", "X-Forwarded-Groups": "admins"} | forwarded)
        assert answer.status_code == 401
        assert "The proxy named none" in text(answer) or "the proxy named none" in text(answer)
    assert gallery.audit.entries(1)[0].details["reason"] == "untrusted_proxy"


@pytest.mark.parametrize("address", [PROXY, "192.168.3.4", f"::ffff:{PROXY}"])
def test_headers_of_the_proxy_are_accepted_whatever_the_client_address(serve, address):
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "staff", "X-Forwarded-For": "203.0.113.9"}
    assert ask(accounts(serve), address=address, **headers).status_code == 200


@pytest.mark.parametrize("user", ["ann,eve", "ann, ", "a" * 151, "ann\x00", "ann\x7f", "ann\u0085"])
def test_repeated_and_malformed_users_are_refused(serve, gallery, user):
    environ = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_USER": user, "HTTP_X_FORWARDED_GROUPS": "admins"}
    assert accounts(serve).get("/manage", environ_overrides=environ).status_code == 401
    assert gallery.audit.entries(1)[0].details["reason"] == "malformed_account"


@pytest.mark.parametrize("mode", ["open", "keys"])
def test_headers_mean_nothing_without_accounts(serve, mode):
    client = accounts(serve, access=mode)
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "admins", "Remote-User": "ann"}
    assert ask(client, "/manage", **headers).status_code == 303


def test_with_accounts_keys_are_for_programs_only(serve, keys):
    client = accounts(serve)
    assert client.get("/api/v1/people", headers=bearer(keys["reader"])).status_code == 200
    assert_problem(client.get("/api/v1/people", headers=bearer("whopic_x")), 401, "unauthorized", "The key is unknown")
    sign_in(client, keys["manage"], 403)
    assert "takes accounts from its proxy" in text(client.get("/sign-in"))
    # oauth2-proxy can send a token of its own beside the user.
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "staff", "Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9"}
    assert ask(client, "/api/v1/people", **headers).status_code == 200


def test_other_sites_cannot_use_an_account(serve):
    client = accounts(serve, cors_origins="*")
    headers = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "admins"}
    for cross in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}):
        assert ask(client, "/api/v1/people/1", method="DELETE", **headers, **cross).status_code == 401
        assert ask(client, "/manage/undo", method="POST", **headers, **cross).status_code == 403


CHOICES = [
    ({"host": "0.0.0.0"}, "FACES_HOST is 0.0.0.0, so other machines can reach this server"),
    ({"host": "::"}, "FACES_HOST is ::, so"),
    ({"proxies": 2}, "FACES_PROXIES is 2, so"),
    ({"access": "proxy"}, "FACES_ACCESS=proxy needs FACES_PROXIES"),
    ({"access": "proxy", "proxies": 1}, "and FACES_PROXY_ADDRESSES"),
    ({"access": "proxy", "proxies": 1, "proxy_addresses": "proxy.example"}, "FACES_PROXY_ADDRESSES is 'proxy.example'"),
]


@pytest.mark.parametrize(("changes", "sentence"), CHOICES)
def test_servers_without_a_choice_do_not_start(settings, recognizer, changes, sentence):
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        create_app(settings.with_changes(**changes), recognizer)


def test_open_is_the_default_on_loopback_only():
    assert Settings().access_mode == "open"
    assert [Settings(host="0.0.0.0", access=mode).access_mode for mode in ("open", "keys")] == ["open", "keys"]
