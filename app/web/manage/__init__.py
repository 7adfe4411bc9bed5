"""The pages for administrators: signing in, and everything that changes the gallery."""

from flask import Flask

from app import access
from app.web.manage import adding, correction, desk, faces, health, people, signing
from app.web.manage.blueprint import blueprint


def install(app: Flask) -> None:
    """Add the pages to an application, and tell all its templates who is signed in."""
    for own in (signing.blueprint, blueprint):
        app.register_blueprint(own)
    app.jinja_env.globals.update(signed_in=access.signed_in, suggestions=people.suggestions)


__all__ = ["adding", "correction", "desk", "faces", "health", "install", "people", "signing"]
