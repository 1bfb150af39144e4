"""`sottovoce plan`: what a run would take and why not the rest, before any audio is fetched."""

from __future__ import annotations

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, table
from sottovoce.pipeline.survey import Survey
from sottovoce.screening.sampler import Shortage


def plan(workspace: InWorkspace = HERE, *, as_json: AsJson = False) -> None:
    """Look at every source's metadata and show the plan. Nothing is fetched and nothing is decided."""
    house = house_at(workspace)
    with bar(quiet=as_json) as progress:
        task = progress.add_task("looking at what there is", total=None)
        survey = house.surveyor().look(seen=lambda count: progress.update(task, completed=count))
        progress.update(task, total=survey.seen, completed=survey.seen)
    if as_json:
        answer({**survey.report.as_json(), "seen": survey.seen, "withdrawn": len(survey.withdrawn)})
        return
    _show(survey)


def _show(survey: Survey) -> None:
    report = survey.report
    facts(
        "Plan",
        {
            "recordings seen": survey.seen,
            "would be taken": len(report.taken),
            "hours": f"{report.chosen_h:.2f} of {report.target_h:g} wanted",
            "consent taken back since": f"{len(survey.withdrawn)} (a run erases them)",
        },
    )
    table("Why not the rest", ("reason", "recordings"), [(r.value, n) for r, n in report.reasons.items()])
    strata = [(s.stratum, s.admitted, f"{s.admitted_h:.2f}", s.chosen, f"{s.chosen_h:.2f}") for s in report.strata]
    table("Strata", ("stratum", "admitted", "hours admitted", "chosen", "hours chosen"), strata)
    short = [(_short_of(s), f"{s.wanted_h:.2f}", f"{s.chosen_h:.2f}") for s in report.shortages]
    table("Short of", ("what", "wanted hours", "hours there are"), short)
    say("Nothing was fetched. `sottovoce run` carries this out.")


def _short_of(shortage: Shortage) -> str:
    kind, of = shortage.kind.value, shortage.of
    return f"the {kind}" if of == kind else f"{kind} {of}"
