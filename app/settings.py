"""Settings: types, ranges, defaults and environment variables.

`Settings()` reads the environment variables that docs/reference/settings.md lists, and keyword arguments override them.
No other module reads the environment.
"""

import difflib
import os
import reprlib
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from annotated_types import Ge, Le, Predicate
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from app.errors import SettingsError
from app.text import count

ROOT = Path(__file__).resolve().parent.parent  # the repository, or site-packages once installed
_INSTALLED = Path(__file__).resolve().parent / "resources"
RESOURCES = _INSTALLED if _INSTALLED.is_dir() else ROOT
"""The folder of templates, static files, models and anchors: inside the package once it is installed."""

PREFIX = "FACES_"
AUTO = "auto"
OFF = "off"

_DATA = Path.home() / ".local" / "share" / "whopic" if _INSTALLED.is_dir() else ROOT / "instance"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CENTURY = 36_525  # days
_MOST = 10**12
_TOKEN_LENGTH = 16
# The HTML standard's definition of an e-mail address, with a dot in the host name.
_EMAIL = r"[A-Za-z0-9_.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
_HTTPS_URL = r"https://[A-Za-z0-9.-]+(:[0-9]+)?([/?#][!-~]*)?"
FPIRS = (0.01, 0.003, 0.001)
"""False positive identification rates that have thresholds, the loosest first."""

_LOCAL_LIMITS = {
    "max_pixels": 250_000_000,
    "max_file_bytes": 400_000_000,
    "decode_seconds": 60,
    "decode_bytes": 3 * 10**9,
}
"""Defaults for files of this machine, which are larger and less often hostile than those of visitors."""

_RENAMED = {
    "max_images": "max_photos",
    "max_bytes": "max_file_bytes",
    "min_face": "min_face_width",
    "threads": "concurrency",
    "stuck_seconds": "watchdog_seconds",
    "rate_storage": "rate_limit_storage",
}
"""Old names of settings. They work, with a warning, until the next major version."""

DetectorName = Literal[
    "auto", "yunet", "mtcnn", "dlib", "ssd", "opencv", "retinaface", "fastmtcnn", "mediapipe", "centerface",
    "yolov8n", "yolov8m", "yolov8l", "yolov11n", "yolov11s", "yolov11m", "yolov11l",
    "yolov12n", "yolov12s", "yolov12m", "yolov12l",
]  # fmt: skip

Positive = Annotated[int, Field(ge=1, le=_MOST)]
Processes = Annotated[int, Field(ge=1, le=1000)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Text = Annotated[str, Field(min_length=1)]
Header = Annotated[str, Field(pattern="^[A-Za-z0-9-]+$")]


class _Environment(EnvSettingsSource):
    """Environment variables; accepts old names and rejects unknown ones."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        known = {row.variable for row in reference()}
        for variable in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
            new = _new_name(variable.removeprefix(PREFIX).lower())
            if new is None:
                raise _unknown(variable, known)
            if os.environ[variable]:
                values.setdefault(new, os.environ[variable])
        return values


class Settings(BaseSettings):
    """All settings of the program, validated and immutable, such as `Settings(fpir=0.001, max_faces=10)`.

    Raises:
        SettingsError: A value is outside its range, or an argument or a `FACES_` variable is not a setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        protected_namespaces=(),
    )

    detector: DetectorName = Field("auto", description="DeepFace's detector. `auto`: yunet with weights, else mtcnn.")
    detector_home: Path = Field(
        Path(sys.prefix) / "deepface", description="Folder with `.deepface/weights`, used if DEEPFACE_HOME has none."
    )
    detector_downloads: bool = Field(False, description="Let DeepFace download missing detector weights.")
    detection_side: int = Field(
        1600,
        ge=64,
        le=_MOST,
        description="Longer side in pixels to which large photos are reduced for the search for small faces; panoramas "
        "keep more. It finds faces from about a hundredth of this side. `2400` finds smaller faces and takes longer.",
    )
    max_faces: Positive = Field(64, description="Maximum number of faces per photo, the largest first.")
    min_face_width: Positive = Field(16, description="Minimum width of a face box in pixels of the photo.")
    fpir: Annotated[float, Predicate(FPIRS.__contains__)] = Field(
        0.01,
        description="False positive identification rate (ISO/IEC 19795-1): share of unknown people who get a name. "
        "A request or a command can ask for a stricter rate.",
    )
    max_pixels: Positive = Field(40_000_000, description="Maximum width x height of a photo.")
    max_file_bytes: Positive = Field(20_000_000, description="Maximum size of a photo file in bytes.")
    max_video_bytes: Positive = Field(
        20 * 10**9, description="Maximum size of a video file in bytes. Only commands read videos."
    )
    max_video_seconds: Seconds = Field(4 * 3600, description="Maximum duration of a video in seconds.")
    max_request_bytes: Positive = Field(50_000_000, description="Maximum size of a request in bytes.")
    max_photos: Positive = Field(8, description="Maximum number of photos per request.")
    max_fields: int = Field(16, ge=8, le=_MOST, description="Maximum number of form fields, photos not counted.")
    max_field_bytes: int = Field(100_000, ge=1000, le=_MOST, description="Maximum bytes of a form's text fields.")
    decoders: Processes = Field(2, description="Decoder processes per server process.")
    decode_seconds: Seconds = Field(10, description="Maximum CPU seconds to decode one photo.")
    decode_bytes: int = Field(10**9, ge=10**8, le=_MOST, description="Maximum memory in bytes to decode one photo.")
    model: Path = Field(RESOURCES / "models" / "twin.json", description="Model card. The weights are beside it.")
    anchors: Path = Field(RESOURCES / "anchors", description="Folder of the shipped gallery: embeddings and portraits.")
    gallery: Literal["shipped", "empty"] = Field(
        "shipped", description="People in a new database: those of FACES_ANCHORS, or none. Never removes people."
    )
    database_url: Text = Field(
        f"sqlite:///{_DATA / 'gallery.sqlite'}", repr=False, description="SQLAlchemy URL of the gallery."
    )
    recovery_days: int = Field(30, ge=0, le=_CENTURY, description="Days before removed people are erased for good.")
    audit_days: int = Field(365, ge=180, le=_CENTURY, description="Days before entries of the audit log are deleted.")
    require_basis: bool = Field(
        False, description="Enroll only people whose record has a legal basis. The shipped people need none."
    )
    keep_crops: bool = Field(False, description="Store new face crops, so that `people rebuild` can embed them again.")
    admin_token: Annotated[str, Field(pattern=f"(?s)^({OFF}|.{{{_TOKEN_LENGTH},}})$")] = Field(
        OFF, repr=False, description="Token of administrators. `off` disables changes over HTTP."
    )
    admin_hours: int = Field(12, ge=1, le=24 * _CENTURY, description="Hours after which a session ends in any case.")
    access: Literal["auto", "open", "keys", "proxy"] = Field(
        "auto",
        description="Who may identify photos and read the gallery. `open`: everyone. `keys`: everyone with a key. "
        "`proxy`: accounts that a trusted proxy names. `auto`: open on loopback; other servers do not start.",
    )
    idle_minutes: int = Field(120, ge=5, le=44_640, description="Minutes without a request until a session ends.")
    proxy_addresses: Text = Field(
        OFF,
        description="Addresses and networks with commas, such as `127.0.0.1,10.0.0.0/8`, of proxies that name users.",
    )
    proxy_user_header: Header = Field("X-Forwarded-User", description="Header in which the proxy names the user.")
    proxy_groups_header: Header = Field(
        "X-Forwarded-Groups", description="Header in which the proxy lists the user's groups, with commas."
    )
    proxy_readers: Text = Field(
        "*", description="Groups with commas that may identify photos and read the gallery. `*`: every user."
    )
    proxy_administrators: Text = Field(OFF, description="Groups with commas that may change the gallery.")
    contact: Annotated[str, Field(pattern=f"^({OFF}|{_EMAIL}|{_HTTPS_URL})$")] = Field(
        OFF,
        description="Where visitors report wrong results or ask for removal: an e-mail address, or the URL of a page. "
        "Pages link to it. `off`: no links.",
    )
    notice: Path | None = Field(
        None,
        description="Text file for the page /privacy: who you are, why you process faces and on which legal basis. "
        "Empty lines separate paragraphs, `# ` starts a heading, `- ` an item of a list.",
    )
    library: Path | None = Field(
        None, description="Folder of a library that administrators see at /library. Without one, the pages are off."
    )
    host: Text = Field("127.0.0.1", description="Address that the server listens on.")
    port: int = Field(8000, ge=1, le=65_535, description="Port that the server listens on.")
    workers: Processes = Field(1, description="Server processes. Each loads its own network.")
    concurrency: Processes = Field(12, description="Requests that a server process works on at the same time.")
    queue: int = Field(32, ge=0, le=1000, description="Requests that may wait. The server rejects more with 503.")
    queue_seconds: Seconds = Field(20, description="Maximum seconds that a request waits.")
    request_seconds: Seconds = Field(60, description="Deadline of a request in seconds.")
    body_seconds: Seconds = Field(60, description="Maximum seconds to receive a request, and to send its answer.")
    client_connections: int = Field(
        1000,
        ge=1,
        le=65_536,
        description="Connections of one client per server process. Not applied with FACES_PROXIES.",
    )
    watchdog_seconds: Seconds = Field(180, description="Seconds before a server process with a stuck request restarts.")
    trusted_hosts: Text = Field(
        AUTO, description="Accepted host names with commas. `auto`: this machine on a loopback address, else any."
    )
    cors_origins: Text = Field(
        OFF, description="Origins whose pages may use the API, with commas, such as `https://app.example`; or `*`."
    )
    proxies: int = Field(0, ge=0, le=1000, description="Trusted proxies that set X-Forwarded-For and -Proto.")
    rate_limit: Text = Field(
        AUTO, description="Limit per client: `60/minute;1000/day` or `off`. `auto`: off on loopback, else 60/minute."
    )
    client_seconds: Seconds | Literal["auto", "off"] = Field(
        "auto",
        description="Seconds of decoders, detector and network that a client may use per minute. "
        "`auto`: off on loopback, else 20.",
    )
    rate_limit_storage: Text = Field(
        "memory://", description="Counters of both limits: `memory://` or `redis://HOST:PORT`."
    )
    metrics: bool = Field(True, description="Serve Prometheus metrics at /metrics.")
    log: Literal["json", "off"] = Field("json", description="Log requests as JSON lines, or errors only.")
    deepface_home: Path | None = Field(
        None, validation_alias="DEEPFACE_HOME", description="Folder with `.deepface/weights`. Default: the home folder."
    )
    prometheus_dir: Path | None = Field(
        None, validation_alias="PROMETHEUS_MULTIPROC_DIR", description="Folder of metrics. Default: a temporary folder."
    )
    malloc_arenas: Processes = Field(
        2, validation_alias="MALLOC_ARENA_MAX", description="Heaps of the C library per server process."
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**{_new_name(name) or name: value for name, value in values.items()})
        except ValidationError as error:
            # Without a cause: a traceback would print tokens and passwords.
            raise SettingsError(_sentence(error)) from None

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_args: Any, **_others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment."""
        return init_settings, _Environment(settings_cls)

    def with_changes(self, **changes: Any) -> Self:
        """Return a validated copy with some settings changed, such as `port=80`. It raises what `Settings` raises."""
        return type(self)(**self.model_dump(exclude_unset=True) | changes)

    def for_local_files(self) -> Self:
        """Return a copy with the higher default limits for files of this machine. Limits that were set stay."""
        return self.with_changes(**{name: _LOCAL_LIMITS[name] for name in _LOCAL_LIMITS.keys() - self.model_fields_set})

    @property
    def shipped_gallery(self) -> Path | None:
        """The folder whose people fill a new database, or None for an empty gallery."""
        return self.anchors if self.gallery == "shipped" else None

    @property
    def loopback(self) -> bool:
        """Whether the server is reachable from this machine only: a loopback address without a proxy."""
        return self.host in _LOOPBACK and not self.proxies

    @property
    def allowed_hosts(self) -> list[str]:
        """Accepted host names. An empty list accepts all."""
        if self.trusted_hosts != AUTO:
            return [name.strip().lower() for name in self.trusted_hosts.split(",")]
        return list(_LOOPBACK) if self.loopback else []

    @property
    def allowed_origins(self) -> list[str]:
        """Other origins whose pages may use the API; `*` is any origin."""
        return [] if self.cors_origins == OFF else [name.strip().lower() for name in self.cors_origins.split(",")]

    @property
    def access_mode(self) -> Literal["open", "keys", "proxy"]:
        """Who may identify photos and read the gallery.

        Raises:
            SettingsError: nothing was chosen for a server that others reach, or the choice needs other settings.
        """
        if self.access == "auto":
            if self.loopback:
                return "open"
            reached = f"FACES_PROXIES is {self.proxies}" if self.host in _LOOPBACK else f"FACES_HOST is {self.host}"
            raise SettingsError(
                f"{reached}, so other machines can reach this server, and no setting says who may use it. Set "
                "FACES_ACCESS=keys to require a key (whopic keys create --help), FACES_ACCESS=proxy for "
                "accounts of a reverse proxy, or FACES_ACCESS=open to let everyone identify photos and see the people."
            )
        if self.access == "proxy" and OFF in (self.proxy_addresses, self.proxies or OFF):
            raise SettingsError(
                "FACES_ACCESS=proxy needs FACES_PROXIES, the number of proxies, and FACES_PROXY_ADDRESSES, the "
                "addresses of the proxy whose headers name users, such as 127.0.0.1."
            )
        return self.access

    @property
    def client_rate_limit(self) -> str:
        """The rate limit of one client, or `OFF`."""
        if self.rate_limit != AUTO:
            return self.rate_limit
        return OFF if self.loopback else "60/minute"

    @property
    def client_work_seconds(self) -> int | None:
        """The seconds of work that one client may use per minute, None without a limit."""
        if isinstance(self.client_seconds, int):
            return self.client_seconds
        return None if self.client_seconds == OFF or self.loopback else 20


class SettingReference(NamedTuple):
    """Documentation of one setting."""

    name: str
    variable: str
    default: str
    allowed: str
    meaning: str


def reference() -> list[SettingReference]:
    """Return the documentation of every setting, in the order of `Settings`."""
    return [
        SettingReference(
            name=name,
            variable=str(field.validation_alias or PREFIX + name.upper()),
            default=format_value(field.default),
            allowed=_allowed(name, field),
            meaning=str(field.description) + _local_default(name),
        )
        for name, field in Settings.model_fields.items()
    ]


def format_value(value: object) -> str:
    """Return a value as its environment variable spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _allowed(name: str, field: FieldInfo) -> str:
    special = {
        "fpir": f"one of: {', '.join(map(str, FPIRS))}",
        "admin_token": f"off, or at least {_TOKEN_LENGTH} characters",
        "client_seconds": "auto, off, or a whole number from 1 to 86400",
        "proxy_user_header": "letters, digits and hyphens",
        "proxy_groups_header": "letters, digits and hyphens",
        "contact": "off, an e-mail address, or an https:// URL",
    }
    if name in special:
        return special[name]
    if field.annotation is bool:
        return "true or false"
    if field.annotation is int:
        low = next(rule.ge for rule in field.metadata if isinstance(rule, Ge))
        high = next(rule.le for rule in field.metadata if isinstance(rule, Le))
        return f"a whole number from {low} to {high}"
    if choices := [item for item in get_args(field.annotation) if isinstance(item, str)]:
        return f"one of: {', '.join(choices)}"
    return "text" if field.annotation is str else "a path"


def _local_default(name: str) -> str:
    return f" Default of commands: {_LOCAL_LIMITS[name]}." if name in _LOCAL_LIMITS else ""


def _new_name(old: str) -> str | None:
    """Return the new name of a renamed setting, with a warning, or None."""
    new = _RENAMED.get(old)
    if new:
        message = f"{PREFIX}{old.upper()} is now {PREFIX}{new.upper()}. The old name works until version 2."
        warnings.warn(message, FutureWarning, stacklevel=2)
    return new


def _unknown(name: str, known: set[str]) -> SettingsError:
    prefix = PREFIX if name.startswith(PREFIX) else ""
    close = difflib.get_close_matches(name.removeprefix(prefix), (key.removeprefix(prefix) for key in sorted(known)), 1)
    hint = f"Did you mean {prefix}{close[0]}?" if close else "`whopic settings` lists all settings."
    return SettingsError(f"There is no setting {name}. {hint}")


def _sentence(error: ValidationError) -> str:
    """Return a sentence about the first invalid value."""
    detail = error.errors()[0]
    location = str(detail["loc"][0])
    rows = {key: row for row in reference() for key in (row.name, row.variable)}
    if location not in rows:
        return str(_unknown(location, set(Settings.model_fields)))
    row, value = rows[location], detail["input"]
    if row.name == "database_url":
        return f"{row.variable} must be an SQLAlchemy URL, such as sqlite:///gallery.sqlite."
    if row.name != "admin_token":
        return f"{row.variable} is {reprlib.repr(value)}. It must be {row.allowed}."
    example = 'python -c "import secrets; print(secrets.token_urlsafe())"'
    length = count(len(str(value)), "character")
    return f"{row.variable} has {length}. It must be {row.allowed}. To make a token: {example}"
