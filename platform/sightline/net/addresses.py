"""Which hosts the platform may connect to on a stranger's behalf."""

import ipaddress
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings

from sightline.errors import Problem

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out as global unicast
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        # Python's `is_global` knows the registries of its own release; these hold in every release.
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, the clouds' metadata services among them
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo among them: carries an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",
    )
)


class AddressRefused(Problem):
    """The address may not be connected to (422). Where a name points is not told."""

    code, status = "invalid_input", 422


class Unresolvable(Problem):
    """The name has no address, or its servers do not answer (422, may succeed later)."""

    code, status = "invalid_input", 422


def resolve(host: str, port: int, timeout_s: float) -> list[str]:
    """All addresses of a host, from the system's resolver; in a thread, because it has no time limit."""
    found: list[str] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed.append(error)
        else:
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive() or failed or not found:
        raise Unresolvable(f"The name {host} cannot be resolved.", retryable=True)
    return found


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """What may be connected to. The default is the strict one; a closed network names its own servers."""

    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    """TCP ports."""
    allowed: tuple[Network, ...] = ()
    """Networks that are allowed though they are not global, on every port."""
    resolver: Callable[[str, int, float], list[str]] = resolve
    """Host, port and seconds → addresses."""

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """The addresses to connect to, each of them checked: one bad answer among good ones refuses the name.

        Connect to what this returns and never resolve again: a second answer may differ (DNS rebinding).
        A number in any spelling (decimal, octal, hexadecimal) is resolved and then checked like a name.
        """
        if port not in self.ports and not self.allowed:
            raise AddressRefused(f"Port {port} is not allowed.")
        found = self.resolver(host, port, timeout_s)
        if not found or not all(self.permits(text) for text in found):
            raise AddressRefused(f"The host {host} is not allowed: it is not on the public internet.")
        if port not in self.ports and not all(self._is_allowed(text) for text in found):
            raise AddressRefused(f"Port {port} is not allowed.")
        return found

    def refuse_literal(self, host: str, port: int) -> None:
        """Raise AddressRefused for a host that is an address, in any spelling, and may not be connected to.

        Asks no name server: names pass, and are checked when they are connected to.
        """
        if port not in self.ports and not self.allowed:
            raise AddressRefused(f"Port {port} is not allowed.")
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return
        numeric = [str(answer[4][0]) for answer in answers]
        replace(self, resolver=lambda *_: numeric).addresses(host, port, 0.0)

    def permits(self, text: str) -> bool:
        """Whether an address is global unicast, or allowed by name."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return self._is_allowed(text) or _is_public(address)

    def _is_allowed(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        return any(address in network for network in self.allowed)


def _is_public(address: Address) -> bool:
    if any(address in network for network in _SPECIAL) or not address.is_global or address.is_multicast:
        return False
    # Outside 2000::/3 lie IPv4-mapped, IPv4-compatible and NAT64 addresses: all lead to an IPv4 address.
    return address.version == 4 or (address in _GLOBAL_V6 and address.scope_id is None)


STRICT = AddressPolicy()


def from_settings() -> AddressPolicy:
    """The strict policy, and what SIGHTLINE_ALLOWED_NETWORKS names."""
    return AddressPolicy(allowed=tuple(ipaddress.ip_network(text) for text in settings.ALLOWED_NETWORKS))
