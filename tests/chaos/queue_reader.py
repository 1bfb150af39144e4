"""A consumer in a process of its own, to be killed: `queue_reader.py FOLDER SETTINGS [once]`; BROKER says where."""

from __future__ import annotations

import json
import random
import sys
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

from sottovoce.database.engine import open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.messages import BrokerTrusted
from sottovoce.intake.queue_consumer import QueueConsumer
from sottovoce.policy.queues import AmqpQueue, RedisQueue
from sottovoce.sources.protocol import HmacTokenizer
from sottovoce.wiring.intake import SourcePseudonyms
from sottovoce.wiring.queues import open_queue


def main() -> None:
    folder, told = Path(sys.argv[1]), json.loads(sys.argv[2])
    visibility = {"visibility_seconds": told.pop("visibility_seconds")} if told["kind"] == "redis" else {}
    kind = RedisQueue if told["kind"] == "redis" else AmqpQueue
    settings = kind(**told).model_copy(update=visibility)
    door = Door(
        verifiers=[BrokerTrusted(sender="bus")],
        pseudonyms=SourcePseudonyms(tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)), source="cloud"),
        source="cloud",
        clock=lambda: datetime.now(UTC),
    )
    engine = open_engine("sqlite:registry.sqlite", base=folder)
    consumer = QueueConsumer(
        name="events",
        open_broker=lambda: open_queue(settings, root=folder),
        door=door,
        desk=Desk(engine=engine, clock=lambda: datetime.now(UTC), ids=lambda: str(uuid.uuid4())),
        stop=threading.Event(),
        random=random.random,
    )
    sys.stdout.write("reading\n")
    sys.stdout.flush()
    consumer.run(once=len(sys.argv) > 3)


if __name__ == "__main__":
    main()
