"""The pages for administrators: signing in, and everything that changes the gallery."""

from flask import Flask

from app.web import auth
from app.web.admin import add_person, correction, gallery_check, history, person, rejected_faces, sign_in
from app.web.admin.blueprint import blueprint


def install(app: Flask) -> None:
    """Add the pages to an application, and tell all its templates who is signed in."""
    for own in (sign_in.blueprint, blueprint):
        app.register_blueprint(own)
    app.jinja_env.globals.update(signed_in=auth.signed_in, suggestions=person.suggestions)


__all__ = ["add_person", "correction", "gallery_check", "history", "install", "person", "rejected_faces", "sign_in"]
