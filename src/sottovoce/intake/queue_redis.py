"""A list in Redis, taken so that a crash loses nothing: kombu pops first and notes what it holds afterwards.

Here one script does both: it gives back what others held too long, pops, and notes each message with its time, by the
server's clock. Producers push to the left (`LPUSH`), as kombu's do, whose lists for priorities are read too. Redis
knows no dead letters: a refused message is moved to a list that the policy names, or dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

from kombu.transport import redis as kombu_redis
from redis import exceptions

from sottovoce.intake.messages import Posted

MOST_BYTES: Final = 16 << 20
"""Of one take, but for its last message."""
FAILURES: Final = (exceptions.RedisError, OSError)

_TAKE: Final = """
local now = tonumber(redis.call('TIME')[1])
for _, tag in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1], 'LIMIT', 0, 100)) do
  local held = redis.call('HGET', KEYS[1], tag)
  if held then redis.call('RPUSH', KEYS[3], held) end
  redis.call('HDEL', KEYS[1], tag)
  redis.call('ZREM', KEYS[2], tag)
end
local items, size = {}, 0
for i = 3, #KEYS do
  while #items < #ARGV - 2 and size < tonumber(ARGV[2]) do
    local item = redis.call('RPOP', KEYS[i])
    if not item then break end
    local tag = ARGV[#items + 3]
    redis.call('HSET', KEYS[1], tag, item)
    redis.call('ZADD', KEYS[2], now, tag)
    items[#items + 1] = item
    size = size + #item
  end
end
return items
"""
_SETTLE: Final = """
for i = 2, #ARGV do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if held and ARGV[1] == 'left' then redis.call('LPUSH', KEYS[3], held) end
  if held and ARGV[1] == 'right' then redis.call('RPUSH', KEYS[3], held) end
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
return true
"""


def is_refusal(error: Exception) -> bool:
    return isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError | exceptions.ResponseError)


class RedisChannel(kombu_redis.Channel):
    """`held` is a hash of messages and a sorted set of when each was taken, beside the list."""

    idle_s = 0.2
    do_restore = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._take = self.client.register_script(_TAKE)
        self._settle = self.client.register_script(_SETTLE)
        self._held: dict[str, None] = {}

    def look(self, queue: str) -> None:
        """A list without messages is not there, which says nothing; any other type is refused."""
        self.client.llen(queue)

    def receive(self, queue: str, most: int) -> Sequence[Posted]:
        keys = [*_held(queue), *(self._q_for_pri(queue, priority) for priority in self.priority_steps)]
        tags = [uuid.uuid4().hex for _ in range(most)]
        items = self._take(keys=keys, args=[self.visibility_timeout, MOST_BYTES, *tags])
        found = [Posted(body=item, tag=tag) for item, tag in zip(items, tags, strict=False)]
        self._held.update(dict.fromkeys(one.tag for one in found))
        return found

    def settle(self, queue: str, posted: Sequence[Posted]) -> None:
        self._end(queue, [one.tag for one in posted])

    def bury(self, queue: str, posted: Sequence[Posted]) -> None:
        grave = self.connection.client.transport_options["dead_letter"]
        self._end(queue, [one.tag for one in posted], "left" if grave else "nowhere", grave)

    def give_back(self, queue: str) -> None:
        self._end(queue, list(self._held), "right", queue)

    def _end(self, queue: str, tags: list[str], side: str = "nowhere", place: str | None = None) -> None:
        if tags:
            self._settle(keys=[*_held(queue), *([place] if place else [])], args=[side, *tags])
        for tag in tags:
            self._held.pop(tag, None)


class RedisTransport(kombu_redis.Transport):
    Channel = RedisChannel


def _held(queue: str) -> tuple[str, str]:
    return f"{queue}.held", f"{queue}.held.since"
