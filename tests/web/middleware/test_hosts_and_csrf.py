import pytest

from app.errors import SettingsError
from tests.web.middleware.conftest import UPLOAD_PATHS, post


@pytest.mark.parametrize("path", UPLOAD_PATHS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_cross_site_requests_are_rejected(serve, portrait, path, headers, status):
    answer = post(serve(), portrait, path, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert ("problem+json" in answer.content_type) == path.startswith("/api")


def test_cross_site_links_are_allowed(serve):
    assert serve().test_client().get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "host", "status"),
    [
        ({}, "localhost:8000", 200),
        ({}, "127.0.0.1", 200),
        ({}, "[::1]:8000", 200),
        ({}, "evil.example", 421),
        ({"host": "0.0.0.0", "access": "open"}, "faces.example", 200),
        ({"proxies": 1, "access": "open"}, "faces.example", 200),
        ({"trusted_hosts": "faces.example, .corp.example"}, "faces.example", 200),
        ({"trusted_hosts": "faces.example, .corp.example"}, "a.corp.example:443", 200),
        ({"trusted_hosts": "faces.example"}, "localhost", 421),
    ],
)
def test_unknown_host_names_are_rejected(serve, changes, host, status):
    client = serve(**changes).test_client()
    assert client.get("/", headers={"Host": host}).status_code == status
    assert client.get("/healthz/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("names", [",", "http://faces.example", "faces.example:80", "faces.example/", "*", "a b"])
def test_invalid_trusted_hosts_are_rejected(serve, names):
    with pytest.raises(SettingsError, match=r"FACES_TRUSTED_HOSTS has '.*'. Use auto, or host names"):
        serve(trusted_hosts=names)


@pytest.mark.parametrize("names", ["::1", "2001:db8::7,faces.example", "a-b_c.example, .corp.example"])
def test_trusted_hosts_are_names_and_addresses(serve, names):
    assert serve(trusted_hosts=names).test_client().get("/healthz/live").status_code == 200


@pytest.mark.parametrize("host", ["a b", "a\x00b", "<script>", "localhost:99999999", "x" * 64])
def test_invalid_host_headers_are_rejected(serve, host):
    assert serve().test_client().get("/", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize(("proxies", "expected"), [(0, None), (1, "max-age=31536000; includeSubDomains")])
def test_only_trusted_proxies_report_tls(serve, proxies, expected):
    answer = serve(proxies=proxies, access="open").test_client().get("/", headers={"X-Forwarded-Proto": "https"})
    assert answer.headers.get("Strict-Transport-Security") == expected
