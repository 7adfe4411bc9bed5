"""Access keys and sessions of the server, in the gallery's database, so that all its servers share them.

A key is random, 256 bits, so its SHA-256 is enough: a slow password hash protects short secrets only. Every check reads
the database, so a revoked key and its sessions end at all servers immediately. Times of use are written once a minute.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from app import text
from app.errors import InvalidKey, KeyNotFound, NameTaken
from app.gallery import audit, names
from app.gallery.database import Database
from app.gallery.scopes import PREFIX, SCOPES, Scope
from app.gallery.tables import AccessKeyRow, SessionRow, SigningSecretRow, in_utc, now

_HINT_LENGTH = len(PREFIX) + 4
_FLUSH_SECONDS = 60.0


@dataclass(frozen=True)
class AccessKey:
    """A named key. `hint` is its start. `used` is at most some minutes behind the last use."""

    id: int
    name: str
    hint: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None
    used: datetime | None
    revoked: datetime | None

    @property
    def state(self) -> Literal["valid", "expired", "revoked"]:
        """Whether the key can be used now."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now() else "valid"


@dataclass(frozen=True)
class Session:
    """A valid session: that of a key, or with None of the token of the settings."""

    id: int
    key: AccessKey | None


class AccessKeys:
    """Keys and sessions in a gallery's database. Each method is one transaction.

    Example:
        >>> key, secret = gallery.keys.create("newsroom", ["identify"], timedelta(days=90))
        >>> gallery.keys.find(secret).name
        'newsroom'
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[int, datetime] = {}
        self._seen: dict[int, datetime] = {}
        self._flushing = threading.Lock()
        self._flushed = time.monotonic()

    def create(self, name: str, scopes: Collection[str], lifetime: timedelta | None) -> tuple[AccessKey, str]:
        """Create a key, and return it with its secret, which is stored nowhere.

        Args:
            name: 1 to 100 characters. Names are unique, also those of revoked keys, because the audit log has them.
            scopes: One or more of `SCOPES`.
            lifetime: Time until the key expires, or None for a key that does not expire.

        Raises:
            InvalidKey: a scope is unknown or missing, or the lifetime is too long.
            InvalidName: the name is empty, too long or has invisible characters.
            NameTaken: another key has the name.
        """
        name = names.clean(name)
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            problem = f"There is no scope {unknown[0]!r}." if unknown else "No scope was chosen."
            raise InvalidKey(f"{problem} The scopes are {text.alternatives(list(SCOPES))}.")
        secret = PREFIX + secrets.token_urlsafe(32)
        try:
            expires = None if lifetime is None else now() + lifetime
        except OverflowError:
            raise InvalidKey("The key would expire after the year 9999. Choose fewer days.") from None
        values = {
            "name": name,
            "key": names.key(name),
            "hint": secret[:_HINT_LENGTH],
            "hash": _digest(secret),
            "scopes": ",".join(scope for scope in SCOPES if scope in scopes),
            "created": now(),
            "expires": expires,
        }
        with self._database.writing() as connection:
            taken = connection.scalar(select(AccessKeyRow.id).where(AccessKeyRow.key == values["key"]))
            if taken is not None:
                raise NameTaken(f"Another key is called {name}. Choose another name: revoked keys keep theirs.")
            row = connection.execute(insert(AccessKeyRow).values(values).returning(AccessKeyRow)).one()
            details = {
                "key": name,
                "scopes": values["scopes"],
                "expires": expires and expires.isoformat("T", "seconds"),
            }
            audit.record(connection, "created_key", details=details)
        return _key(row), secret

    def list(self) -> list[AccessKey]:
        """Return all keys, also expired and revoked ones, the latest first."""
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(_KEYS.order_by(AccessKeyRow.id.desc()))]

    def find(self, secret: str) -> AccessKey | None:
        """Return the key with a secret, also an expired or revoked one, or None."""
        if not secret.startswith(PREFIX):
            return None
        with self._database.reading() as connection:
            row = connection.execute(_KEYS.where(AccessKeyRow.hash == _digest(secret))).first()
        key = _key(row) if row else None
        if key is not None and key.state == "valid":
            self._used[key.id] = now()
        return key

    def can_manage(self) -> bool:
        """Return whether a valid key has the scope `manage`."""
        return any(key.state == "valid" and "manage" in key.scopes for key in self.list())

    def revoke(self, name: str) -> AccessKey:
        """Revoke a key, which also ends its sessions, or raise `KeyNotFound`."""
        with self._database.writing() as connection:
            row = _get(connection, name)
            connection.execute(delete(SessionRow).where(SessionRow.key_id == row.id))
            if row.revoked is None:
                audit.record(connection, "revoked_key", details={"key": row.name})
                connection.execute(update(AccessKeyRow).where(AccessKeyRow.id == row.id).values(revoked=now()))
            return _key(connection.execute(_KEYS.where(AccessKeyRow.id == row.id)).one())

    def signing_secret(self) -> str:
        """Return the secret that signs cookies, 64 hexadecimal digits. The first call makes it."""
        with self._database.reading() as connection:
            secret = connection.scalar(select(SigningSecretRow.secret))
        if secret is not None:
            return str(secret)
        with self._database.writing() as connection:
            secret = connection.scalar(select(SigningSecretRow.secret))
            if secret is None:
                secret = secrets.token_hex(32)
                connection.execute(insert(SigningSecretRow).values(secret=secret))
        return str(secret)

    def start_session(self, key: AccessKey | None, token: str | None, lifetime: timedelta) -> str:
        """Start a session and return its identifier for the cookie. Expired sessions are deleted.

        Args:
            key: The key of the sign-in, or None for the token of the settings.
            token: Fingerprint of the token, 64 hexadecimal digits, or None.
            lifetime: Time after which sessions end in any case.
        """
        identifier, time = secrets.token_urlsafe(32), now()
        values = {"key_id": key and key.id, "token": token, "created": time, "seen": time}
        with self._database.writing() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.created < time - lifetime))
            connection.execute(insert(SessionRow).values(hash=_digest(identifier), **values))
            audit.record(connection, "signed_in")
        return identifier

    def find_session(
        self, identifier: str, token: str | None, lifetime: timedelta, idle: timedelta, leeway: timedelta
    ) -> Session | None:
        """Return a session, unless it ended: by revocation or expiry of its key, another token, or a time-out.

        Args:
            identifier: The result of `start_session`.
            token: Fingerprint of the current token, or None.
            lifetime: Time after which sessions end in any case.
            idle: Time without a request after which sessions end.
            leeway: How far the clock may be behind that of the sign-in.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(SessionRow).where(SessionRow.hash == _digest(identifier))).first()
            found = row and row.key_id and connection.execute(_KEYS.where(AccessKeyRow.id == row.key_id)).first()
        if row is None:
            return None
        key, time = _key(found) if found else None, now()
        seen = max(in_utc(row.seen), self._seen.get(row.id, in_utc(row.seen)))
        if not -leeway <= time - in_utc(row.created) < lifetime or time - seen >= idle:
            return None
        if key.state != "valid" if key else row.token is None or row.token != token:
            return None
        self._seen[row.id] = time
        if key:
            self._used[key.id] = time
        return Session(row.id, key)

    def end_session(self, session: Session) -> None:
        """End a session."""
        with self._database.writing() as connection:
            connection.execute(delete(SessionRow).where(SessionRow.id == session.id))
            audit.record(connection, "signed_out")

    def end_sessions(self, name: str | None = None) -> int:
        """End all sessions, or those of a key, and return their number. Raise `KeyNotFound` without such a key."""
        ended = delete(SessionRow)
        with self._database.writing() as connection:
            if name is not None:
                ended = ended.where(SessionRow.key_id == _get(connection, name).id)
            count: int = connection.execute(ended).rowcount
            audit.record(connection, "ended_sessions", details={"sessions": count, "key": name})
        return count

    def flush(self, force: bool = False) -> None:
        """Write the times of use, at most once a minute unless forced."""
        if not (self._used or self._seen) or (not force and time.monotonic() - self._flushed < _FLUSH_SECONDS):
            return
        with self._flushing:
            used, self._used = self._used, {}
            seen, self._seen = self._seen, {}
            self._flushed = time.monotonic()
        with self._database.writing() as connection:
            # Lists: another thread that has just read the attribute still adds to the former dictionary.
            for key_id, moment in list(used.items()):
                connection.execute(update(AccessKeyRow).where(AccessKeyRow.id == key_id).values(used=moment))
            for session_id, moment in list(seen.items()):
                connection.execute(update(SessionRow).where(SessionRow.id == session_id).values(seen=moment))


_KEYS = select(
    AccessKeyRow.id,
    AccessKeyRow.name,
    AccessKeyRow.hint,
    AccessKeyRow.scopes,
    AccessKeyRow.created,
    AccessKeyRow.expires,
    AccessKeyRow.used,
    AccessKeyRow.revoked,
)


def _get(connection: Connection, name: str) -> Row[*tuple[Any, ...]]:
    row = connection.execute(_KEYS.where(AccessKeyRow.key == names.key(name))).first()
    if row is None:
        raise KeyNotFound(f"There is no key called {name.strip()!r}. List all: whopic keys list")
    return row


def _key(row: Row[*tuple[object, ...]]) -> AccessKey:
    scopes = tuple(scope for scope in SCOPES if scope in row.scopes.split(","))
    times = (in_utc(time) if time else None for time in (row.expires, row.used, row.revoked))
    return AccessKey(row.id, row.name, row.hint, scopes, in_utc(row.created), *times)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
