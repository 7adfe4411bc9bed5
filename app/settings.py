"""Every setting of the program: its name, type, default, allowed values, and what it means.

A setting is read from an environment variable, `FACES_` and the field's name in capitals. Doors
build one `Settings` at start and hand it on; nothing else reads the environment.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

from app.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

PREFIX = "FACES_"

AUTO = "auto"
"""The value of settings that go by other settings."""

OFF = "off"
"""The value of settings that turn something off."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

DETECTORS = (
    "auto yunet mtcnn dlib ssd opencv retinaface fastmtcnn mediapipe centerface "
    "yolov8n yolov8m yolov8l yolov11n yolov11s yolov11m yolov11l yolov12n yolov12s yolov12m yolov12l"
).split()


_DAY = 86_400
"""Most seconds that a setting may say: more than a day is a slip of the finger, and more than some clocks can count."""

_CENTURY = 36_525
"""The same for days."""


def _setting(
    default: object, meaning: str, low: float | None = None, choices: list[str] | None = None, high: int = 10**12
):
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults; `Settings.from_environment` reads the rest."""

    detector: str = _setting(
        "auto", "DeepFace's detector; auto is yunet where its weights lie, else mtcnn", None, DETECTORS
    )
    detector_home: Path = _setting(
        Path(sys.prefix) / "deepface",
        "folder that holds .deepface/weights, used where DEEPFACE_HOME has no yunet weights",
    )
    detector_downloads: bool = _setting(False, "let DeepFace download the weights of a detector that lacks them")
    detection_side: int = _setting(
        2400, "pictures are reduced to this many pixels on their largest side to find faces", 64
    )
    max_faces: int = _setting(64, "most faces looked at in one picture, the largest first", 1)
    min_face: int = _setting(16, "smallest face looked at: width of its box in pixels of the picture", 1)
    fpir: float = _setting(
        0.01,
        "share of people outside the gallery who may get a name (FPIR, ISO/IEC 19795-1)",
        None,
        ["0.01", "0.003", "0.001"],
    )
    max_pixels: int = _setting(40_000_000, "largest picture that is read: width x height", 1)
    max_bytes: int = _setting(20_000_000, "largest file, and largest request to the page, in bytes", 1)
    max_request_bytes: int = _setting(50_000_000, "largest request, all its files together, in bytes", 1)
    max_images: int = _setting(8, "most pictures in one request", 1)
    max_fields: int = _setting(16, "most fields of a form besides its pictures", 8)
    max_field_bytes: int = _setting(
        100_000, "largest text field of a form, and the most that all its text fields hold together, in bytes", 1000
    )
    decoders: int = _setting(
        2, "most pictures that a server process decodes at once, each in a process of its own", 1, high=1000
    )
    decode_seconds: int = _setting(10, "processor seconds that decoding one picture may take", 1, high=_DAY)
    decode_bytes: int = _setting(1_000_000_000, "memory that decoding one picture may take, in bytes", 100_000_000)
    model: Path = _setting(ROOT / "models" / "twin.json", "the network's model card; its weights lie beside it")
    anchors: Path = _setting(
        ROOT / "anchors", "the shipped gallery: embeddings and portraits that fill an empty database"
    )
    gallery: str = _setting(
        "shipped",
        "people in a new database: shipped are those of FACES_ANCHORS, empty is none; it never removes people",
        None,
        ["shipped", "empty"],
    )
    database_url: str = _setting(
        f"sqlite:///{ROOT / 'instance' / 'gallery.sqlite'}", "where people and anchors are kept, as an SQLAlchemy URL"
    )
    recovery_days: int = _setting(
        30, "days that removed people and anchors can be restored; then they are erased", 0, high=_CENTURY
    )
    keep_crops: bool = _setting(
        False, "keep the aligned crop of new anchors, so that people rebuild can embed them anew"
    )
    admin_token: str = _setting(
        OFF,
        "token that administrators sign in with, 16 characters or more; off: nobody can change the gallery by HTTP",
        16,
    )
    admin_hours: int = _setting(12, "how long an administrator stays signed in on the page", 1, high=24 * _CENTURY)
    host: str = _setting("127.0.0.1", "address that `make run` serves on")
    port: int = _setting(8000, "port that `make run` serves on", 1, high=65_535)
    workers: int = _setting(1, "server processes, each with its own network", 1, high=1000)
    threads: int = _setting(4, "requests a server process works on at once", 1, high=1000)
    queue: int = _setting(4, "requests that may wait beside those; more are answered with 503", 0, high=1000)
    queue_seconds: int = _setting(20, "how long a request may wait", 1, high=_DAY)
    request_seconds: int = _setting(60, "how long a request may take; it is given up between two steps", 1, high=_DAY)
    body_seconds: int = _setting(60, "how long a request may take to arrive", 1, high=_DAY)
    stuck_seconds: int = _setting(180, "a server process in which a request takes this long is replaced", 1, high=_DAY)
    trusted_hosts: str = _setting(
        AUTO, "names the server answers to, with commas; auto is this machine's on a loopback address, else any"
    )
    proxies: int = _setting(0, "proxies in front whose X-Forwarded-For and -Proto are believed", 0, high=1000)
    rate_limit: str = _setting(
        AUTO, "requests of a client, e.g. 60/minute;1000/day, or off; auto is off on a loopback address, else 60/minute"
    )
    rate_storage: str = _setting("memory://", "where they are counted: memory:// (each process) or redis://HOST:PORT")
    metrics: bool = _setting(True, "serve figures for Prometheus at /metrics")
    log: str = _setting("json", "a line of JSON for every request, or off for errors alone", None, ["json", "off"])

    @property
    def shipped_gallery(self) -> Path | None:
        """The folder whose people fill a new database, or None if it stays empty."""
        return self.anchors if self.gallery == "shipped" else None

    @property
    def loopback(self) -> bool:
        """Whether the server is meant for this machine alone: a loopback address, and no proxy in front."""
        return self.host in _LOOPBACK and not self.proxies

    def hosts(self) -> list[str]:
        """The names that the server answers to; an empty list stands for all."""
        if self.trusted_hosts != AUTO:
            return [name.strip().lower() for name in self.trusted_hosts.split(",")]
        return list(_LOOPBACK) if self.loopback else []

    def limit(self) -> str:
        """The rate limit, or `OFF`."""
        if self.rate_limit != AUTO:
            return self.rate_limit
        return OFF if self.loopback else "60/minute"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: a value cannot be used, or a variable beginning with FACES_ is no setting.
        """
        known = {PREFIX + item.name.upper(): item for item in fields(cls)}
        unexpected = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
        if unexpected:
            raise SettingsError(f"There is no setting {unexpected[0]}. The settings are: {', '.join(known)}.")
        given = {item.name: _read(name, item, environment[name]) for name, item in known.items() if name in environment}
        _refuse_host(given.get("host", "localhost"))
        return cls(**given)


def table() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, meaning), for documents and help."""
    rows = []
    for item in fields(Settings):
        default = item.default if item.default is not MISSING else ""
        meaning = item.metadata["meaning"]
        if item.metadata["choices"]:
            meaning += f" ({', '.join(item.metadata['choices'])})"
        rows.append((PREFIX + item.name.upper(), str(default), meaning))
    return rows


def _refuse_host(host: str) -> None:
    """Refuse what stands for no address at all: the server would try for seconds, and name no setting."""
    if host not in _LOOPBACK:
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError) as error:
            raise SettingsError(
                f"FACES_HOST is {host!r}; it has to be an address of this machine, such as 127.0.0.1, or 0.0.0.0 or :: "
                "for all that it has."
            ) from error


def _read(name: str, item, text: str):
    kind, low, high = type(item.default), item.metadata["low"], item.metadata["high"]
    choices = item.metadata["choices"]
    if choices and text not in choices:
        raise SettingsError(f"{name} is {text!r}; it can be one of: {', '.join(choices)}.")
    if kind is bool:
        if text.lower() not in ("0", "1", "true", "false"):
            raise SettingsError(f"{name} is {text!r}; it can be 1 (true) or 0 (false).")
        return text.lower() in ("1", "true")
    if kind is float:
        return float(text)
    if kind is int:
        # Of thousands of digits Python itself makes no number.
        value = int(text) if text.strip().isdecimal() and len(text) < 30 else -1
        if not low <= value <= high:
            raise SettingsError(f"{name} is {text[:40]!r}; it has to be a whole number from {low} to {high}.")
        return value
    if not text:
        raise SettingsError(f"{name} is empty; leave it unset for its default ({item.default}).")
    if low is not None and text != item.default and len(text) < low:
        raise SettingsError(
            f"{name} has {len(text)} characters; it has to have {low} at least. This makes one: "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return Path(text) if isinstance(item.default, Path) else text
