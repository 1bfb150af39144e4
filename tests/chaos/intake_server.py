"""The intake in a process of its own, to be killed: `intake_server.py FOLDER PORT DATABASE`."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from sottovoce.database.engine import open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.intake.clerk import Clerk
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.signatures import StandardWebhooks
from sottovoce.service.intake import IntakeApp
from sottovoce.service.intake_server import configured, serve
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.wiring.intake import SourcePseudonyms


def main() -> None:
    engine = open_engine(sys.argv[3], base=Path(sys.argv[1]))
    desk = Desk(engine=engine, clock=lambda: datetime.now(UTC), ids=lambda: str(uuid.uuid4()))
    door = Door(
        verifiers=[StandardWebhooks(sender="t", secrets=[Confidential(b"k" * 32)])],
        pseudonyms=SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)), source="cloud"),
        source="cloud",
        clock=lambda: datetime.now(UTC),
    )
    app = IntakeApp(door=door, clerk=Clerk(desk=desk), ready=desk.counts)
    serve(configured(app, host="127.0.0.1", port=int(sys.argv[2]), backlog=4096))


if __name__ == "__main__":
    main()
