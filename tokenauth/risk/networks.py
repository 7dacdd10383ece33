"""The network an address belongs to: what limits and risk look at (REFERENCE T4)."""

import ipaddress


def network_of(address: str | None) -> str | None:
    """Return the IPv4 /24 or IPv6 /64 of a parsed address; None where it is unknown."""
    if address is None:
        return None
    parsed = ipaddress.ip_address(address)
    size = 24 if parsed.version == 4 else 64
    return str(ipaddress.ip_network((parsed, size), strict=False))
