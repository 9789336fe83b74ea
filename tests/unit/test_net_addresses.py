"""Row 13 of the fault matrix: no spelling of a private address is connected to."""

import ipaddress

import pytest

from sightline.net.addresses import STRICT, AddressPolicy, AddressRefused, Unresolvable

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "172.16.0.1",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises((AddressRefused, Unresolvable)) as refusal:  # some spellings no resolver accepts
        STRICT.addresses(host, 443, 5)
    assert refusal.value.status == 422


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_a_number_in_any_spelling_is_the_address_that_it_means(host: str) -> None:
    local = AddressPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    assert local.addresses(host, 80, 5) == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["8.8.8.8", "134744072", "2606:4700:4700::1111"])
def test_a_public_address_is_allowed(host: str) -> None:
    assert STRICT.permits(STRICT.addresses(host, 443, 5)[0])


def test_one_private_answer_among_public_ones_refuses_the_name() -> None:
    policy = AddressPolicy(resolver=lambda host, port, timeout_s: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(AddressRefused) as refusal:
        policy.addresses("example.com", 443, 5)
    assert "10.0.0.1" not in refusal.value.detail


@pytest.mark.parametrize("answer", ["fe80::1%eth0", "2606:4700::1%eth0", "nonsense", ""])
def test_an_answer_that_is_no_plain_address_refuses_the_name(answer: str) -> None:
    policy = AddressPolicy(resolver=lambda host, port, timeout_s: [answer])
    with pytest.raises(AddressRefused):
        policy.addresses("example.com", 443, 5)


@pytest.mark.parametrize("port", [1, 22, 25, 6379, 5432])
def test_other_ports_are_refused_before_the_name_is_resolved(port: int) -> None:
    def never(host: str, port: int, timeout_s: float) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(AddressRefused, match="Port"):
        AddressPolicy(resolver=never).addresses("example.com", port, 5)


def test_a_name_without_an_address_may_be_tried_again() -> None:
    with pytest.raises(Unresolvable) as refusal:
        STRICT.addresses("no-such-host.invalid", 443, 5)
    assert refusal.value.retryable
