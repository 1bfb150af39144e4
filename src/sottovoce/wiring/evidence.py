"""Evidence, composed: what is read, and where the pack is written."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sottovoce.agreements.need import State
from sottovoce.agreements.review import Reviewed
from sottovoce.custody.impact import Impact
from sottovoce.custody.notices import Notice
from sottovoce.custody.retention import Resolution
from sottovoce.custody.sweep import SweepRow
from sottovoce.errors import LedgerTampered
from sottovoce.evidence.control import Result
from sottovoce.evidence.facts import AgreementFacts
from sottovoce.evidence.frameworks import Framework
from sottovoce.evidence.gather import Gatherer
from sottovoce.evidence.pack import Pack, make_pack, write_pack
from sottovoce.evidence.page import page
from sottovoce.ledger.entry import Action, Entry
from sottovoce.vault.key_tables import RecordingKeyState
from sottovoce.vault.key_values import EpochStatus

if TYPE_CHECKING:
    from sottovoce.wiring.house import House


class VaultKeys:
    """The vault's keys, by what an auditor asks."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def provider(self) -> str:
        return self._house.keystore.kms

    def epochs(self) -> Sequence[EpochStatus]:
        return self._house.vault.epochs()

    def opens(self, recording: str) -> bool:
        return self._house.keystore.state(recording) in {RecordingKeyState.ACTIVE, RecordingKeyState.FROZEN}

    def frozen(self, recording: str) -> bool:
        return self._house.keystore.state(recording) in {None, RecordingKeyState.FROZEN}


class CustodyKeeping:
    """What custody has to do, read only."""

    def __init__(self, house: House) -> None:
        self._custody = house.custody

    def plan(self) -> Sequence[Resolution]:
        return self._custody.sweeper.plan()

    def sweeps(self) -> Sequence[SweepRow]:
        return self._custody.sweeper.sweeps()

    def unfinished(self) -> Sequence[str]:
        return self._custody.eraser.unfinished()

    def restored(self) -> bool:
        return self._custody.replayer.needed()

    def notices(self) -> Sequence[Notice]:
        return self._custody.notices.list()

    def impacts(self) -> Sequence[Impact]:
        return self._custody.impacts.list()


class RegisterPapers:
    """What the register holds against what the policy needs, counted."""

    def __init__(self, house: House) -> None:
        self._house = house

    def facts(self) -> AgreementFacts:
        rooms, named = self._house.agreements, set(self._house.policy.agreements.destinations)
        found = rooms.review()
        return AgreementFacts(
            destinations=len(named),
            strangers=len(set(self._house.custody.deliveries.destinations()) - named),
            papers=len(rooms.register.list(all_=True)),
            needed=Counter(map(_concern, found.rows)),
            wanting=Counter(map(_concern, found.wanting)),
            expiring=len(found.expiring),
            waived=sum(row.standing.state is State.WAIVED for row in found.rows),
        )


def _concern(row: Reviewed) -> str:
    return "transfer" if row.standing.need.move is not None else row.concern


def compose_gatherer(house: House) -> Gatherer:
    """Reads this house; objects to look at are drawn by the system's randomness."""
    drawn = random.SystemRandom()
    return Gatherer(
        engine=house.registry.engine,
        ledger=house.ledger,
        policy=house.policy,
        policy_digest=house.loaded.digest,
        keys=VaultKeys(house),
        store=house.store,
        keeping=CustodyKeeping(house),
        papers=RegisterPapers(house),
        reports=house.workspace.reports,
        anchored=anchored(house),
        clock=house.clock,
        pick=lambda names, count: drawn.sample(list(names), min(count, len(names))),
    )


def anchored(house: House) -> bool:
    """True when checkpoints are kept somewhere else too."""
    return bool(house.policy.ledger.anchors)


def write_evidence(house: House, framework: Framework, folder: Path) -> Pack:
    """Gathers, judges, writes the folder, and ledgers the pack's digest. Raises OSError, StorageError.

    A ledger that does not verify is evidence too: it is told of by the pack, and proves nothing in it.
    """
    _checkpoint(house)
    pack = make_pack(framework, compose_gatherer(house).gather())
    proofs = {seq: house.ledger.prove(seq) for seq in pack.shown_by}
    digest = write_pack(
        folder, pack, html=page(pack), proofs=proofs, checkpoint=_checkpoint(house), signer=house.signer
    )
    facts: dict[str, str | int | bool] = {
        "framework": framework.value,
        "digest": digest,
        "met": pack.counts[Result.MET.value],
        "not_met": pack.counts[Result.NOT_MET.value],
    }
    made = Entry(at=house.clock(), actor=house.actor, action=Action.EVIDENCE_MADE, facts=facts)
    house.ledger.record([made])
    _checkpoint(house)
    return pack


def _checkpoint(house: House) -> str:
    """The latest there is, where the ledger refuses to sign over what it is now."""
    try:
        return house.ledger.checkpoint()
    except LedgerTampered:
        return next(iter(house.ledger.checkpoints()[::-1]), "")
