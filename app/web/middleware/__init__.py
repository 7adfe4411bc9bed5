"""Middleware around all routes: limits, timeouts, CSRF protection, tracing, logs and metrics."""

import ipaddress

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_IPV6_PREFIX = 64  # bits of a network that providers assign to one customer


def client_network(address: str) -> str:
    """Return the part of an address that identifies a client: an IPv4 address, or the network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    # A server that listens on :: sees IPv4 addresses in this form.
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_PREFIX), strict=False))
