"""Which webhook addresses an operator has allowed."""

from fanfare_shared.webhooks import AllowList


def test_the_allow_list_takes_hosts_with_one_port_or_all() -> None:
    allow = AllowList.parse(" Hooks.internal , 10.0.0.7:8443,[::1]:9000, [fd00::1] ")
    assert allow.names("hooks.INTERNAL", 1)
    assert allow.names("10.0.0.7", 8443)
    assert not allow.names("10.0.0.7", 443)
    assert allow.names("::1", 9000)
    assert not allow.names("::1", 9001)
    assert allow.names("fd00::1", 443)
    assert not allow.names("hooks.internal.evil.example", 1)
    assert not AllowList.parse("").names("localhost", 80)
