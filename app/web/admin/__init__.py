"""Pages for administrators: sign-in, and everything that changes the gallery."""

from flask import Flask

from app.web import auth
from app.web.admin import (
    add_person,
    audit_log,
    correction,
    gallery_check,
    keys,
    merge,
    opt_outs,
    people,
    server_health,
    sign_in,
)
from app.web.admin.blueprint import blueprint


def install(app: Flask) -> None:
    """Register the blueprints, and the functions that all templates use."""
    app.register_blueprint(sign_in.blueprint)
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(may=auth.may, signed_in=auth.signed_in, has_session=auth.has_session)


__all__ = [
    "add_person",
    "audit_log",
    "correction",
    "gallery_check",
    "install",
    "keys",
    "merge",
    "opt_outs",
    "people",
    "server_health",
    "sign_in",
]
