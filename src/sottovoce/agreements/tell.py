"""Shortfalls in sentences: what is wanting, for which queue, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from sottovoce.agreements.gate import Shortfall
from sottovoce.agreements.need import Need, Standing, State
from sottovoce.domain.agreement import AgreementKind, DataClass
from sottovoce.domain.outcome import Reason

_SIGNS: Final[Mapping[str, str]] = {
    "always": "as every recording is",
    "stated": "as the policy says",
    "health_queue": "by its name",
    "payment_queue": "by its name",
    "payment_flag": "because a payment was taken",
    "phi_redaction": "because `phi` is removed from it",
    "special_redaction": "because `gdpr_special` is removed from it",
    "duty": "by a duty to keep it",
}


def told(destination: str, wanting: Shortfall, *, subject: str, signs: Mapping[DataClass, str]) -> str:
    """`verint: no BAA on file, and queue Health Line is HIPAA (as the policy says); add one with …`"""
    if wanting.standing is not None:
        return _of_paper(destination, wanting.standing, subject, signs)
    if wanting.rule == "zone.destination":
        return f"{destination}: nothing says in which zones it keeps what it gets; add `agreements.destinations`"
    if wanting.rule == "zone.recording":
        return f"{destination}: nothing says whose law {subject} is under; add its source to `residency.sources`"
    if wanting.reason is Reason.CLASS_NOT_ALLOWED and wanting.data_class is not None:
        return (
            f"{destination}: may not be given {wanting.data_class.value}, and {_is(subject, wanting.data_class, signs)}"
        )
    zone = wanting.rule.partition(".")[2]
    return f"{destination}: nothing leaves {zone} (`residency.confined`), and {subject} is under its law"


def _of_paper(destination: str, standing: Standing, subject: str, signs: Mapping[DataClass, str]) -> str:
    need = standing.need
    return (
        f"{destination}: {state_told(standing)}, and {_because(need, subject, signs)}; {_mend(destination, standing)}"
    )


def state_told(standing: Standing) -> str:
    """How a need stands, in a few words."""
    kinds = kinds_told(standing.need)
    match standing.state:
        case State.FINE | State.EXPIRING:
            return f"{kinds} on file" + (f" through {standing.last_day}" if standing.last_day else "")
        case State.WAIVED:
            return f"{kinds} waived"
        case State.MISSING:
            return f"no {kinds} on file"
        case State.EXPIRED:
            return f"the {kinds} on file ended on {standing.last_day}"
        case State.NOT_YET:
            first = standing.paper.first_day if standing.paper is not None else "a later day"
            return f"the {kinds} on file holds from {first} on"
        case State.SHORT:
            return f"the {kinds} on file are for fewer than {standing.need.years} years"
        case _:
            assert_never(standing.state)


def kinds_told(need: Need) -> str:
    """`BAA`, or `ADEQUACY, SCC, BCR or DEROGATION`."""
    *others, last = (kind.value for kind in need.kinds)
    return f"{', '.join(others)} or {last}" if others else last


def _because(need: Need, subject: str, signs: Mapping[DataClass, str]) -> str:
    if need.move is not None:
        return f"{subject} would go from {need.move.origin.value} to {need.move.target.value}"
    if need.data_class is None:
        return "the policy requires it"
    return _is(subject, need.data_class, signs)


def _is(subject: str, data_class: DataClass, signs: Mapping[DataClass, str]) -> str:
    sign = _SIGNS.get(signs.get(data_class, ""))
    return f"{subject} is {data_class.value}" + (f" ({sign})" if sign else "")


def _mend(destination: str, standing: Standing) -> str:
    need, paper = standing.need, standing.paper
    if standing.state is State.NOT_YET:
        return "it may go from then on"
    ended = standing.state is State.EXPIRED and paper is not None and paper.superseded_by is None
    kind = paper.kind if ended and paper is not None else need.kinds[0]
    renews = f" --renews {paper.id}" if ended and paper is not None else ""
    command = f"`sottovoce agreements add {destination} {kind.value}{renews}{_more(need, kind)}`"
    return f"renew it with {command}" if renews else f"add one with {command}"


def _more(need: Need, kind: AgreementKind) -> str:
    """The options that this need decides."""
    options = f" --from {need.move.origin.value} --to {need.move.target.value}" if need.move else ""
    options += " --module two" if kind is AgreementKind.SCC else ""
    options += f" --years {need.years}" if need.years else ""
    return options + (f" --class {need.data_class.value}" if need.names_class and need.data_class else "")
