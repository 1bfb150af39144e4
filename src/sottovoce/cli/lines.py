"""Which line a command is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from sottovoce.pipeline.lines import ANALYTICS, CORPUS, Line


class Carried(StrEnum):
    """Lines that carry recordings from admission to seal."""

    CORPUS = "corpus"
    ANALYTICS = "analytics"

    @property
    def line(self) -> Line:
        return ANALYTICS if self is Carried.ANALYTICS else CORPUS


OnLine = Annotated[Carried, typer.Option("--line", help="Whose recordings: for a corpus, or for analytics vendors.")]
Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Look at conversations from this day on only (Genesys sources)."),
]
