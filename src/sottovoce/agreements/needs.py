"""What each class of recording, and each border, needs on file: one table, with the law that asks for it.

It holds the contracts that must exist before data is handed over; it is not the whole of any law. Which adequacy
decisions stand is not kept here: they are made, lapse and are annulled, so each is recorded like any other paper.
`docs/agreements.md` shows this table, and a test holds the page to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sottovoce.agreements.need import Move, Need
from sottovoce.domain.agreement import AgreementKind, DataClass, SccModule
from sottovoce.domain.zone import Zone

_K = AgreementKind
_C = DataClass

NEEDS: Final[Mapping[DataClass, tuple[Need, ...]]] = MappingProxyType(
    {
        _C.PERSONAL: (
            Need(
                rule="personal.dpa",
                kinds=(_K.DPA,),
                data_class=_C.PERSONAL,
                law="GDPR Article 28(3): processing by a processor is governed by a contract",
            ),
        ),
        _C.SPECIAL_CATEGORY: (
            Need(
                rule="special.dpa",
                kinds=(_K.DPA,),
                data_class=_C.SPECIAL_CATEGORY,
                names_class=True,
                law="GDPR Articles 9 and 28(3): the contract sets out the type of personal data",
            ),
        ),
        _C.HIPAA: (
            Need(
                rule="hipaa.baa",
                kinds=(_K.BAA,),
                data_class=_C.HIPAA,
                law="45 CFR 164.502(e), 164.504(e), 164.308(b): satisfactory assurances in a written contract",
            ),
        ),
        _C.PCI: (
            Need(
                rule="pci.agreement",
                kinds=(_K.PCI_AGREEMENT,),
                data_class=_C.PCI,
                law="PCI DSS 4.0.1, 12.8.2 (12.9.1 for the provider): responsibilities acknowledged in writing",
            ),
            Need(
                rule="pci.aoc",
                kinds=(_K.PCI_AOC,),
                data_class=_C.PCI,
                yearly=True,
                law="PCI DSS 4.0.1, 12.8.4: the provider's compliance is monitored at least every 12 months",
            ),
        ),
        _C.FINANCIAL: (
            Need(
                rule="financial.retention",
                kinds=(_K.RETENTION_TERMS,),
                data_class=_C.FINANCIAL,
                law="FINRA Rule 4511, SEC Rule 17a-4, MiFID II Article 16(7): the record is kept for its years",
            ),
        ),
    }
)
"""In the order they are told."""

_PROCESSOR: Final = frozenset({SccModule.CONTROLLER_TO_PROCESSOR, SccModule.PROCESSOR_TO_PROCESSOR})
"""A destination processes for the sender; modules one and four are for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguards:
    """What may carry data out of a zone."""

    kinds: tuple[AgreementKind, ...]
    law: str


SAFEGUARDS: Final[Mapping[Zone, Safeguards]] = MappingProxyType(
    {
        Zone.EU: Safeguards(
            kinds=(_K.ADEQUACY, _K.SCC, _K.BCR, _K.DEROGATION),
            law="GDPR Articles 44 to 49; Decision (EU) 2021/914",
        ),
        Zone.UK: Safeguards(
            kinds=(_K.ADEQUACY, _K.IDTA, _K.BCR, _K.DEROGATION),
            law="UK GDPR Chapter V; Data Protection Act 2018, section 119A",
        ),
        Zone.CH: Safeguards(
            kinds=(_K.ADEQUACY, _K.SCC, _K.BCR, _K.DEROGATION),
            law="Swiss Federal Act on Data Protection, Articles 16 and 17",
        ),
    }
)

ELSEWHERE: Final = Safeguards(
    kinds=(_K.TRANSFER_TERMS, _K.ADEQUACY, _K.SCC, _K.BCR, _K.DEROGATION),
    law="the law of the zone it leaves; whoever records the safeguard says which",
)
"""For zones without a row of their own: something was looked at and recorded, or nothing moves."""


def need_of_move(move: Move) -> Need:
    """The safeguard that a border asks for."""
    found = SAFEGUARDS.get(move.origin, ELSEWHERE)
    return Need(rule=f"transfer.{move}", kinds=found.kinds, law=found.law, move=move, modules=_PROCESSOR)


def need_required(kind: AgreementKind) -> Need:
    """What a policy asks for beyond the law."""
    return Need(rule=f"required.{kind.value.lower()}", kinds=(kind,), law="the policy's own `requires`")
