"""What each role may do, as data: default deny, least privilege (SPEC 13.1; PCI DSS 7.2, 7.3; HIPAA 164.308(a)(4)).

A data scientist hears samples by corpus id and never learns of a conversation; an auditor sees maps and ledgers
and hears nothing; a trainer decrypts corpus versions in memory; whoever operates the pipeline hears nothing either.
`sottovoce access roles` prints this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Operation(StrEnum):
    """Everything that is asked before it is done. Names are stable: grants and ledgers hold them."""

    PIPELINE_PLAN = "pipeline.plan"
    PIPELINE_RUN = "pipeline.run"
    QUARANTINE_REVIEW = "quarantine.review"
    CORPUS_LIST = "corpus.list"
    CORPUS_VERIFY = "corpus.verify"
    CORPUS_RELEASE = "corpus.release"
    CORPUS_DECRYPT = "corpus.decrypt"
    """Reading a version for training, in memory."""
    SAMPLE_LISTEN = "sample.listen"
    """A person hears a sample, by its corpus id."""
    MAP_READ = "map.read"
    """What was redacted where; no sound and no words."""
    EXPORT_PLAIN = "corpus.export"
    IDENTITY_READ = "identity.read"
    """Which recording a corpus id stands for, which conversation a recording belongs to."""
    LEDGER_READ = "ledger.read"
    LINEAGE_READ = "lineage.read"
    TRAINING_REGISTER = "training.register"
    ERASE = "recording.erase"
    HOLD = "recording.hold"
    RETENTION_APPLY = "retention.apply"
    EVIDENCE_WRITE = "evidence.write"
    AGREEMENTS_READ = "agreements.read"
    AGREEMENTS_MANAGE = "agreements.manage"
    """Putting papers on file, and withdrawing them."""
    KEYS_MANAGE = "keys.manage"
    INBOX_PUT = "inbox.put"
    CONTRIBUTORS_MANAGE = "contributors.manage"
    GRANT_ISSUE = "grant.issue"
    BROKER_SERVE = "broker.serve"
    ACCESS_READ = "access.read"
    ACCESS_MANAGE = "access.manage"
    ACCESS_REVIEW = "access.review"
    ADMINISTER = "workspace.administer"
    """Whatever is not named above."""


class Role(StrEnum):
    OWNER = "owner"
    PRIVACY_OFFICER = "privacy_officer"
    AUDITOR = "auditor"
    DATA_SCIENTIST = "data_scientist"
    TRAINER = "trainer"
    CONTRIBUTOR = "contributor"
    OPERATOR = "operator"


_O = Operation

MATRIX: Final[Mapping[Role, frozenset[Operation]]] = MappingProxyType(
    {
        Role.OWNER: frozenset(Operation),
        Role.PRIVACY_OFFICER: frozenset(
            {
                _O.PIPELINE_PLAN,
                _O.QUARANTINE_REVIEW,
                _O.CORPUS_LIST,
                _O.MAP_READ,
                _O.IDENTITY_READ,
                _O.LEDGER_READ,
                _O.LINEAGE_READ,
                _O.ERASE,
                _O.HOLD,
                _O.RETENTION_APPLY,
                _O.EVIDENCE_WRITE,
                _O.AGREEMENTS_READ,
                _O.AGREEMENTS_MANAGE,
                _O.CONTRIBUTORS_MANAGE,
                _O.ACCESS_READ,
                _O.ACCESS_REVIEW,
            }
        ),
        Role.AUDITOR: frozenset(
            {
                _O.CORPUS_LIST,
                _O.CORPUS_VERIFY,
                _O.MAP_READ,
                _O.LEDGER_READ,
                _O.EVIDENCE_WRITE,
                _O.AGREEMENTS_READ,
                _O.ACCESS_READ,
            }
        ),
        Role.DATA_SCIENTIST: frozenset({_O.CORPUS_LIST, _O.SAMPLE_LISTEN}),
        Role.TRAINER: frozenset({_O.CORPUS_LIST, _O.CORPUS_DECRYPT, _O.TRAINING_REGISTER}),
        Role.CONTRIBUTOR: frozenset({_O.INBOX_PUT}),
        Role.OPERATOR: frozenset(
            {
                _O.PIPELINE_PLAN,
                _O.PIPELINE_RUN,
                _O.CORPUS_LIST,
                _O.CORPUS_VERIFY,
                _O.CORPUS_RELEASE,
                _O.AGREEMENTS_READ,
                _O.BROKER_SERVE,
            }
        ),
    }
)

GRANTABLE: Final = frozenset({_O.CORPUS_LIST, _O.CORPUS_DECRYPT, _O.SAMPLE_LISTEN, _O.MAP_READ, _O.INBOX_PUT})
"""What a grant may carry: reads of the corpus and puts into an inbox, and nothing that changes anything else."""


def permits(roles: Iterable[Role], operation: Operation) -> bool:
    """Whether any of the roles may. Without a role, nothing may."""
    return any(operation in MATRIX[role] for role in roles)


def roles_with(operation: Operation) -> tuple[Role, ...]:
    """The roles that may, in their order."""
    return tuple(role for role in Role if operation in MATRIX[role])
