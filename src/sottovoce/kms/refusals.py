"""What a key service's no means, in one set of words for all of them.

A service's own message may hold account numbers, addresses or contexts: it is dropped, and with it the chain
that would carry it.
"""

from __future__ import annotations

from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken


def unreachable() -> KeyUnavailable:
    return KeyUnavailable("the key service does not answer", hint="check its address and the network, then try again")


def busy() -> KeyUnavailable:
    return KeyUnavailable("the key service has no room for us now", hint="try again; `sottovoce doctor` asks it once")


def forbidden() -> KeyRefused:
    return KeyRefused("the key service refuses us", hint="check credentials and rights: docs/keys.md lists the rights")


def unknown() -> KeyRefused:
    return KeyRefused("the key service does not know this key", hint="check keys in the policy: account, region, name")


def frozen() -> KeyRefused:
    return KeyRefused("the provider's key is frozen", hint="thaw it before it is used")


def unfit(what: str) -> KeyRefused:
    """A standing key that cannot do what is wanted of it; `what` is ours to say."""
    return KeyRefused(what, hint="name another key in the policy, or leave keys.key out")


def destroyed() -> KeyShredded:
    return KeyShredded("the provider's key was destroyed", hint="what it wrapped cannot be read any more")


def broken() -> SealBroken:
    return SealBroken("a wrapped key does not open", hint="restore the key store from its backup")


def not_installed(extra: str) -> KeyRefused:
    return KeyRefused("this key service's library is not installed", hint=f"pip install 'sottovoce[{extra}]'")
