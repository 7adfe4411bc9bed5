"""What routes that change the gallery have in common: they take the token, and each refusal has its code."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import APIBlueprint

from app import errors
from app.web import auth
from app.web.api import people
from app.web.api.responses import Refused, blueprint_of, problem

UNAUTHORIZED = "This takes the server's token: send the header Authorization: Bearer TOKEN."

_REFUSALS = {
    errors.PersonNotFound: (404, "not_found"),
    errors.FaceNotFound: (404, "not_found"),
    errors.NameTaken: (409, "name_taken"),
    errors.SamePerson: (409, "same_person"),
    errors.NothingToUndo: (409, "nothing_to_undo"),
    errors.NotLatestChange: (409, "not_newest"),
    errors.InvalidName: (422, "bad_name"),
}
"""What is answered where the gallery does not let something be done."""


def managing_blueprint(name: str) -> APIBlueprint:
    """A blueprint below `/api/v1` whose routes take the token.

    Args:
        name: what endpoints begin with.
    """
    blueprint = blueprint_of(name, "/api/v1", "Managing", (401, 403))
    blueprint.abp_security = [{"token": []}]
    # Some addresses have operations of several blueprints; the document would show those of the last one alone.
    blueprint.paths = people.blueprint.paths
    blueprint.before_request(_require_token)
    for error, (status, code) in _REFUSALS.items():
        blueprint.register_error_handler(error, _refusal(status, code))
    return blueprint


def _refusal(status: int, code: str):
    return lambda error: problem(status, code, str(error))


def _require_token() -> Response | None:
    if not auth.is_on():
        raise Refused(403, "management_off", auth.OFF_SENTENCE)
    if not auth.has_bearer_token():
        return problem(401, "unauthorized", UNAUTHORIZED, {"WWW-Authenticate": 'Bearer realm="faces"'})
    return None
