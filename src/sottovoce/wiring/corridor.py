"""The engine's side of a house: what carries recordings from door to door, and what ends them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sottovoce.errors import PolicyError, RecordingErased
from sottovoce.pipeline.carrier import Carrier, Rooms
from sottovoce.pipeline.conclude import Concluder
from sottovoce.pipeline.lines import ANALYTICS, LINES, RECORDINGS, Line
from sottovoce.pipeline.protocol import Closes, Task
from sottovoce.policy.model import Policy
from sottovoce.wiring.rooms import decode_media

if TYPE_CHECKING:
    from sottovoce.pipeline.engine import Queue, Worker
    from sottovoce.pipeline.run import LineRows
    from sottovoce.wiring.house import House


def compose_carrier(house: House) -> Carrier:
    """The engine's task, with every model behind it loaded when first used."""
    rooms = Rooms(
        sources=house.sources,
        decode=decode_media,
        screen=house.screener(),
        rules=house.rules,
        redact=house.line_redactor(),
        disguise=house.disguiser,
        pack=house.packer,
        vault=house.vault,
    )
    return Carrier(rooms=rooms, concluder=house.concluder())


def compose_concluder(house: House) -> Concluder:
    return Concluder(
        registry=house.registry,
        vault=house.vault,
        lines=LINES,
        policy_digest=house.loaded.digest,
        actor=house.actor,
        clock=house.clock,
    )


def policy_for(policy: Policy, line: Line) -> Policy:
    """The policy as a line reads it. Raises PolicyError where the line is closed."""
    if line is not ANALYTICS:
        return policy
    if policy.analytics.lawful_basis is None:
        hint = "say on what ground under `analytics.lawful_basis`, and where to under `analytics.destinations`"
        raise PolicyError("the analytics line is closed", hint=hint)
    return policy.for_analytics()


def task_of(house: House) -> Task:
    """The engine's task of the house's line, its models warm."""
    house.warm()
    return house.analytics.task() if house.line is ANALYTICS else house.carrier()


def closer_of(house: House) -> Closes:
    """Ends what the engine gave up on the house's line; loads no model."""
    return house.analytics.closer() if house.line is ANALYTICS else house.concluder()


def rows_of(house: House) -> LineRows:
    """Whether a recording is over on the house's line."""
    return house.analytics.rows() if house.line is ANALYTICS else house.registry


def open_queue(house: House, name: str, line: str) -> Queue:
    from sottovoce.pipeline.engine import Queue

    return Queue(url=engine_url(house), name=name, line=line)


def open_worker(house: House, *, node: str, slot: int, queue: str) -> Worker:
    """Executors of other queues than the first have names of their own, because slots are counted by line."""
    from sottovoce.pipeline.engine import Worker

    return Worker(
        url=engine_url(house),
        node=node if queue == RECORDINGS else f"{node}.{queue}",
        slot=slot,
        slots=house.workspace.slots,
        hearts=house.registry,
        queue=queue,
    )


def engine_url(house: House) -> str:
    """Where the engine keeps its own tables."""
    url = house.policy.database.engine_url
    if url.startswith("sqlite"):
        return f"sqlite:///{house.workspace.root / url.partition(':')[2]}"
    return url


def call_ends(house: House, keys: Iterable[str]) -> dict[str, datetime]:
    """When each call ended, where that is known; what was erased is left out."""
    ends = {}
    for key in keys:
        try:
            _, metadata = house.registry.recall(key)
        except RecordingErased:
            continue
        if metadata.started_at is not None:
            ends[key] = metadata.started_at + timedelta(seconds=metadata.duration_s or 0.0)
    return ends
