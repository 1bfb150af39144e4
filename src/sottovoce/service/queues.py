"""All queues of an intake at once, each in a thread of its own: one that is empty keeps no other waiting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from sottovoce.intake.queue_consumer import QueueConsumer


def consume_all(consumers: Sequence[QueueConsumer], *, stop: threading.Event, once: bool) -> None:
    """Until all have ended. The first that fails stops the others, and its error is raised."""
    with ThreadPoolExecutor(len(consumers), thread_name_prefix="queue") as threads:
        running = [threads.submit(consumer.run, once=once) for consumer in consumers]
        try:
            for ended in as_completed(running):
                ended.result()
        finally:
            stop.set()
