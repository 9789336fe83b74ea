"""The form of an address that a user gives us to connect to."""

import httpx

from sightline.net.addresses import AddressRefused, from_settings

_PORTS = {"http": 80, "https": 443}


def check_url(url: str) -> httpx.URL:
    """The parsed address. Raises AddressRefused (422) for what can never be connected to.

    Asks no name server; where a name points is checked by whoever connects.
    """
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused("The address is not valid.") from error
    if target.scheme not in _PORTS or not target.host:
        raise AddressRefused("The address must begin with http:// or https://.")
    if target.userinfo:
        raise AddressRefused("The address must not hold a user name or password.")
    from_settings().refuse_literal(target.host, target.port or _PORTS[target.scheme])
    return target
