"""Pages of a library for administrators, at /library: people, photos, and decisions about faces."""

from flask import Flask

from app.library.pictures import PictureMaker
from app.settings import Settings
from app.web.library import changes, decisions, groups, naming, people, person, photo, photos, pictures, review, search
from app.web.library.blueprint import EXTENSION, blueprint


def install(app: Flask, settings: Settings) -> None:
    """Register the pages if the settings name a library."""
    app.jinja_env.globals.update(has_library=settings.library is not None)
    if settings.library is not None:
        app.extensions[EXTENSION] = PictureMaker(settings.library, settings.for_local_files())
        app.register_blueprint(blueprint)


__all__ = [
    "changes",
    "decisions",
    "groups",
    "install",
    "naming",
    "people",
    "person",
    "photo",
    "photos",
    "pictures",
    "review",
    "search",
]
