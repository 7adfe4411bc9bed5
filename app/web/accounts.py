"""Accounts that a trusted reverse proxy names in headers, such as oauth2-proxy or Authelia, with roles by group."""

from __future__ import annotations

import ipaddress
import re
import reprlib
from dataclasses import dataclass

from flask import request

from app.errors import MalformedAccount, SettingsError, UntrustedProxy
from app.gallery.scopes import Scope, expand
from app.settings import OFF, Settings

_USER = re.compile(r"[^\x00-\x1f\x7f-\x9f,]{1,150}")
"""No comma: WSGI joins headers with the same name by commas, so a comma can mean a forged second header."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_EVERYONE = "*"


@dataclass(frozen=True)
class Account:
    """A user of the proxy, with the scopes of the user's groups."""

    name: str
    scopes: frozenset[Scope]


def find_account(settings: Settings) -> Account | None:
    """Return the account of this request, or None if no header names one.

    Raises:
        AccountRefused: the request comes from another address than the proxy's, or the header is malformed.
    """
    name = request.headers.get(settings.proxy_user_header)
    if not name:
        return None
    if not _is_from_proxy(settings):
        raise UntrustedProxy
    if not _USER.fullmatch(name):
        raise MalformedAccount
    sent = request.headers.get(settings.proxy_groups_header, "")
    groups = {group.strip() for group in sent.split(",")} - {""}
    scopes: set[Scope] = set()
    if _includes(settings.proxy_readers, groups):
        scopes |= {"identify", "read"}
    if _includes(settings.proxy_administrators, groups):
        scopes.add("manage")
    return Account(name.strip(), expand(scopes))


def read_networks(settings: Settings) -> list[Network]:
    """Return the networks of `FACES_PROXY_ADDRESSES`, or raise `SettingsError`."""
    entries = [] if settings.proxy_addresses == OFF else settings.proxy_addresses.split(",")
    try:
        return [ipaddress.ip_network(entry.strip()) for entry in entries]
    except ValueError as error:
        raise SettingsError(
            f"FACES_PROXY_ADDRESSES is {reprlib.repr(settings.proxy_addresses)}. It must be off, or addresses and "
            f"networks with commas, such as 127.0.0.1,10.0.0.0/8 ({error})."
        ) from error


def _is_from_proxy(settings: Settings) -> bool:
    """Return whether the connection comes from an address of the proxy, whatever X-Forwarded-For says."""
    environ = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    try:
        address = ipaddress.ip_address(environ.get("REMOTE_ADDR") or "")
    except ValueError:
        return False
    # A server that listens on :: sees IPv4 addresses in this form.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in read_networks(settings))


def _includes(setting: str, groups: set[str]) -> bool:
    allowed = {group.strip() for group in setting.split(",")} - {""}
    return setting != OFF and (_EVERYONE in allowed or bool(groups & allowed))
