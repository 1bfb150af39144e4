"""`sottovoce plan`: what a run would take and why not the rest, before any audio is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sottovoce.agreements.tell import state_told
from sottovoce.cli.house import house_at
from sottovoce.cli.lines import Carried, OnLine, Since
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, table
from sottovoce.domain.outcome import Reason
from sottovoce.pipeline.survey import Survey
from sottovoce.screening.sampler import Shortage
from sottovoce.wiring.house import House

ABOUT_DESTINATIONS: Final = frozenset(
    {
        Reason.ZONE_UNKNOWN,
        Reason.CLASS_NOT_ALLOWED,
        Reason.TRANSFER_NOT_ALLOWED,
        Reason.AGREEMENT_MISSING,
        Reason.AGREEMENT_EXPIRED,
        Reason.RETENTION_TERMS_SHORT,
    }
)


def plan(
    workspace: InWorkspace = HERE, *, line: OnLine = Carried.CORPUS, since: Since = None, as_json: AsJson = False
) -> None:
    """Look at every source's metadata and show the plan. Nothing is fetched and nothing is decided."""
    house = house_at(workspace, line=line.line, since=since.date() if since else None)
    with bar(quiet=as_json) as progress:
        task = progress.add_task("looking at what there is", total=None)
        survey = house.surveyor().look(seen=lambda count: progress.update(task, completed=count))
        progress.update(task, total=survey.seen, completed=survey.seen)
    if as_json:
        told = {**survey.report.as_json(), "seen": survey.seen, "withdrawn": len(survey.withdrawn)}
        if line is Carried.ANALYTICS:
            told |= {"wanting": foreseen(house, survey), "expiring": expiring(house)}
        answer(told)
        return
    _show(survey, everything=line is Carried.ANALYTICS)
    if line is Carried.ANALYTICS:
        table("What keeps recordings from destinations", ("", "recordings"), list(foreseen(house, survey).items()))
        for sentence in expiring(house):
            say(sentence)


def foreseen(house: House, survey: Survey) -> Mapping[str, int]:
    """What is wanting before recordings may go to each destination, in sentences, each with how many it is about."""
    decided = [taken.key for taken in survey.report.taken] + [
        refused.key for refused in survey.report.not_taken if refused.reason in ABOUT_DESTINATIONS
    ]
    metadata = (house.registry.recall(key)[1] for key in decided)
    return house.agreements.forecast(metadata, *house.analytics.destinations).sentences


def expiring(house: House) -> list[str]:
    """Which papers end soon, at the destinations of the line."""
    rows = house.agreements.expiring()
    return [f"{row.destination}: {state_told(row.standing)}, {row.days_left} days ({row.concern})." for row in rows]


def _show(survey: Survey, *, everything: bool = False) -> None:
    """`everything`: the line takes whatever qualifies, so that hours and strata are nobody's goal."""
    report = survey.report
    facts(
        "Plan",
        {
            "recordings seen": survey.seen,
            "would be taken": len(report.taken),
            "hours": f"{report.chosen_h:.2f}" + ("" if everything else f" of {report.target_h:g} wanted"),
            "consent taken back since": f"{len(survey.withdrawn)} (a run erases them)",
        },
    )
    table("Why not the rest", ("reason", "recordings"), [(r.value, n) for r, n in report.reasons.items()])
    if everything:
        say("Nothing was fetched. `sottovoce run --line analytics` carries this out.")
        return
    strata = [(s.stratum, s.admitted, f"{s.admitted_h:.2f}", s.chosen, f"{s.chosen_h:.2f}") for s in report.strata]
    table("Strata", ("stratum", "admitted", "hours admitted", "chosen", "hours chosen"), strata)
    short = [(_short_of(s), f"{s.wanted_h:.2f}", f"{s.chosen_h:.2f}") for s in report.shortages]
    table("Short of", ("what", "wanted hours", "hours there are"), short)
    say("Nothing was fetched. `sottovoce run` carries this out.")


def _short_of(shortage: Shortage) -> str:
    kind, of = shortage.kind.value, shortage.of
    return f"the {kind}" if of == kind else f"{kind} {of}"
