import pytest

from app.errors import SettingsError
from tests.web.middleware.conftest import post

ORIGIN = "https://app.example"


def test_without_the_setting_no_origin_is_allowed(serve):
    answer = serve().test_client().get("/api/v1/people", headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [(f"{ORIGIN}, http://localhost:3000", ORIGIN), ("*", "*"), ("https://app.example.org", None)],
)
def test_pages_of_allowed_origins_can_use_the_api(serve, portrait, setting, allowed):
    app = serve(cors_origins=setting, admin_token="t" * 20)
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
    answer = post(app, portrait, "/api/v1/identify", headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    assert answer.access_control_allow_origin == allowed
    assert ("Origin" in answer.vary) == (allowed != "*")
    # A preflight carries no token.
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    preflight = app.test_client().options("/api/v1/people/1", headers=headers | asked)
    assert preflight.status_code == 204
    assert preflight.access_control_allow_origin == allowed
    if allowed:
        assert "PATCH" in preflight.access_control_allow_methods
        assert "Authorization" in preflight.access_control_allow_headers
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def test_only_the_api_is_shared(serve, portrait):
    headers = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
    answer = post(serve(cors_origins=ORIGIN), portrait, "/identify", headers=headers)
    assert (answer.status_code, answer.access_control_allow_origin) == (403, None)


@pytest.mark.parametrize("setting", ["app.example", "https://app.example/", "https://*.example", "null", ","])
def test_invalid_origins_are_rejected(serve, setting):
    with pytest.raises(SettingsError, match=r"FACES_CORS_ORIGINS has '.*'. Use off, "):
        serve(cors_origins=setting)
