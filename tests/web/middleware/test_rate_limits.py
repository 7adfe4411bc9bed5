import pytest

from app import tracing
from app.errors import SettingsError
from app.settings import Settings
from app.web.factory import create_app
from app.web.middleware.rate_limits import client_key
from tests.web.middleware.conftest import UPLOAD_PATHS, post


def statuses(app, *addresses: str, path: str = UPLOAD_PATHS[0], **headers: str) -> list[int]:
    return [
        post(app, b"no photo", path, environ_base={"REMOTE_ADDR": address}, headers=headers).status_code
        for address in addresses
    ]


@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_the_rate_limit_is_per_client(serve, path):
    app = serve(rate_limit="2/minute")
    assert statuses(app, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", path=path) == [422, 422, 429, 422]
    answer = post(app, b"x", path, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert int(answer.headers["Retry-After"]) > 0
    assert ("problem+json" in answer.content_type) == path.startswith("/api")
    assert "too_many_requests" in answer.text or "Too many requests" in answer.text


def test_reading_is_not_limited(serve):
    client = serve(rate_limit="1/minute").test_client()
    assert [client.get("/").status_code for _ in range(5)] == [200] * 5


def test_pages_and_api_share_the_rate_limit(serve):
    app = serve(rate_limit="1/minute")
    assert statuses(app, "192.0.2.1") + statuses(app, "192.0.2.1", path=UPLOAD_PATHS[1]) == [422, 429]


def test_forged_addresses_do_not_evade_the_rate_limit(serve):
    app = serve(rate_limit="1/minute")
    found = [statuses(app, "192.0.2.1", **{"X-Forwarded-For": f"198.51.100.{n}"})[0] for n in range(3)]
    assert found == [422, 429, 429]


def test_the_address_of_a_trusted_proxy_counts(serve):
    app = serve(rate_limit="1/minute", proxies=1, access="open")
    seen = ["198.51.100.1", "198.51.100.2", "203.0.113.9, 198.51.100.1"]
    found = [statuses(app, "192.0.2.1", **{"X-Forwarded-For": one})[0] for one in seen]
    # Of the last one the client invented the first address, and the proxy added the second.
    assert found == [422, 422, 429]


def test_addresses_of_one_ipv6_network_are_one_client(serve):
    app = serve(rate_limit="1/minute")
    assert statuses(app, "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1") == [422, 429, 422]
    # IPv4 clients of a server that listens on ::
    assert statuses(app, "::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1") == [422, 422, 429]
    with app.test_request_context(environ_base={"REMOTE_ADDR": ""}):
        assert client_key() == "unknown"


def test_an_unreachable_rate_limit_storage_is_replaced(serve):
    app = serve(rate_limit="2/minute", rate_limit_storage="redis://127.0.0.1:9")
    assert statuses(app, "192.0.2.1", "192.0.2.1", "192.0.2.1") == [422, 422, 429]


def test_local_servers_have_no_rate_limit(serve):
    assert Settings().client_rate_limit == "off"
    assert Settings(host="0.0.0.0").client_rate_limit == "60/minute"
    assert Settings(proxies=1).client_rate_limit == "60/minute"
    assert statuses(serve(), *["127.0.0.1"] * 70)[-1] == 422


@pytest.mark.parametrize("storage", ["memory", "mysql://host", "redis://:secret@host:port", "redis.example"])
def test_an_invalid_rate_limit_storage_is_rejected(settings, storage):
    with pytest.raises(
        SettingsError, match=r"FACES_RATE_LIMIT_STORAGE is invalid\. Use memory:// or redis://HOST:PORT"
    ) as caught:
        create_app(settings.with_changes(rate_limit="1/minute", rate_limit_storage=storage), object())
    assert "secret" not in str(caught.value)


def test_an_invalid_rate_limit_is_rejected(settings):
    with pytest.raises(SettingsError, match=r"FACES_RATE_LIMIT is 'often'\. Use auto, off, or limits such as"):
        create_app(settings.with_changes(rate_limit="often"), object())


@pytest.mark.parametrize("storage", ["memory://", "redis://127.0.0.1:9"])
@pytest.mark.parametrize("path", UPLOAD_PATHS)
def test_clients_over_their_seconds_of_work_are_rejected_before_parsing(
    serve, recognizer, portrait, monkeypatch, path, storage
):
    def find_faces(_picture):
        tracing.current_usage().add(0.6)
        return ()

    monkeypatch.setattr(recognizer.detector, "find_faces", find_faces)
    app = serve(client_seconds=1, rate_limit_storage=storage)

    def send(address: str, data: bytes = portrait):
        return post(app, data, path, environ_base={"REMOTE_ADDR": address})

    assert {send("192.0.2.1").status_code for _ in range(2)} <= {200, 422}
    refused = send("192.0.2.1", b"no photo")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "more than 1 second of work in a minute. Try again in" in refused.text
    assert app.test_client().get("/", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    assert send("192.0.2.2", b"no photo").status_code == 422


def test_the_limit_of_work_is_off_on_loopback(serve):
    assert Settings().client_work_seconds is None
    assert Settings(proxies=1).client_work_seconds == 20
    assert Settings(proxies=1, client_seconds="off").client_work_seconds is None
    assert Settings(client_seconds=5).client_work_seconds == 5


@pytest.mark.parametrize("seconds", ["0", "-1", "often", "1.5"])
def test_an_invalid_limit_of_work_is_rejected(settings, seconds):
    with pytest.raises(SettingsError, match=r"FACES_CLIENT_SECONDS is .* It must be auto, off, or a whole number"):
        settings.with_changes(client_seconds=seconds)
