"""Which permissions the client's token has, recorded with what it was allowed to see.

Without `recording:recording:viewSensitiveData` the platform hands out media it has redacted itself, and
says nothing about it (GENESYS.md 4b): only this record tells the two apart.
"""

from __future__ import annotations

from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.parse import field, objects, text, words
from sottovoce.sources.genesys.paths import SUBJECT_ME

READING = (
    "analytics:conversationDetail:view",
    "conversation:communication:view",
    "recording:recording:view",
    "recording:recording:viewSensitiveData",
    "routing:queue:view",
)
"""What the source itself needs. Without the last but one, media may come redacted by the platform, silently."""

OPTIONAL = {
    "recording:recording:viewSensitiveData": "media may come redacted by the platform already, and it does not say so",
    "routing:queue:view": "queues have the names that conversations give them, or only ids",
}
"""What can be done without, and what that costs."""

UNKNOWN = ("unknown",)
"""The platform would not say."""


def token_permissions(client: GenesysClient) -> tuple[str, ...]:
    """Sorted `domain:entity:action` codes, or UNKNOWN."""
    answer = client.get(SUBJECT_ME)
    if answer.status != 200:
        return UNKNOWN
    return granted(answer.body)


def granted(subject: object) -> tuple[str, ...]:
    """Every permission over all grants of an authorization subject; pure."""
    policies = [
        policy
        for grant in objects(field(subject, "grants"))
        for policy in objects(field(field(grant, "role"), "policies"))
    ]
    codes = {
        f"{domain}:{entity}:{action}"
        for policy in policies
        if (domain := text(policy, "domain")) and (entity := text(policy, "entityName"))
        for action in words(field(policy, "actions"))
    }
    return tuple(sorted(codes))
