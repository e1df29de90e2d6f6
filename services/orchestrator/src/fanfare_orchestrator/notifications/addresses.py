"""Which addresses a webhook may be sent to: public ones, and what `FANFARE_WEBHOOK_ALLOW` names.

A webhook's address is chosen by whoever may create campaigns, but called from inside our network: without this,
`https://10.0.0.5/` would be answered by a neighbour, and 169.254.169.254 by the cloud, with our credentials.
"""

import ipaddress
import socket

from fanfare_orchestrator.notifications.errors import AddressRefusedError, DeliveryFailedError
from fanfare_shared.webhooks import AllowList

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# What `is_global` lets through although nobody's webhook is there.
_NEVER_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's virtual machines ask their host here
        "192.0.0.0/24",  # protocol assignments (RFC 6890); Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2002::/16",  # 6to4: an IPv4 address, private ones too, inside an IPv6 one
        "fec0::/10",  # site-local (RFC 3879)
    )
)
# NAT64 (RFC 6052): what a resolver makes of every IPv4 address in an IPv6-only network.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: IPAddress) -> bool:
    """Whether anyone on the Internet could reach it. IPv4 inside IPv6 (mapped, NAT64) is judged as that IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped
        if embedded is None and address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if embedded is not None:
            return is_public(embedded)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER_PUBLIC)
    )


def permitted_addresses(host: str, port: int, allow: AllowList) -> list[str]:
    """Resolves `host`, once, to the addresses that may be connected to. The caller connects to these, not to the name.

    Raises DeliveryFailedError where the name does not resolve, AddressRefusedError where all it has are refused.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailedError(f"{host} does not resolve: {error}") from error
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if allow.names(host, port):
        return addresses
    permitted = [address for address in addresses if is_public(ipaddress.ip_address(address))]
    if not permitted:
        raise AddressRefusedError(f"{host} has no public address; FANFARE_WEBHOOK_ALLOW can name it")
    return permitted
