"""Amazon SQS, with what EventBridge, SNS or anybody's SDK puts there: bodies are taken as they are.

Needed are `sqs:GetQueueUrl`, `ReceiveMessage`, `DeleteMessage`, `ChangeMessageVisibility` and `GetQueueAttributes` on
the one queue; nothing is listed or made. A refused message is left to the queue's redrive policy, visible at once, so
that SQS moves it when it has counted to maxReceiveCount; without a policy it is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from kombu.transport import SQS

from sottovoce.intake.messages import Posted

MOST_AT_ONCE: Final = 10
"""Of one ReceiveMessage or DeleteMessageBatch (SQS API Reference)."""
CONFIG: Final = {"connect_timeout": 5, "read_timeout": 30, "retries": {"total_max_attempts": 3, "mode": "standard"}}
_REFUSALS: Final = frozenset({400, 401, 403, 404})

FAILURES: Final = (BotoCoreError, ClientError, OSError)


def is_refusal(error: Exception) -> bool:
    """Requests that are wrong today are wrong tomorrow; those that were too many are not."""
    if not isinstance(error, ClientError):
        return False
    told = error.response
    is_busy = "Throttl" in told.get("Error", {}).get("Code", "")
    return not is_busy and told.get("ResponseMetadata", {}).get("HTTPStatusCode") in _REFUSALS


class SqsChannel(SQS.Channel):
    """Long polls while nothing is held."""

    idle_s = 0.0
    do_restore = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._url = ""
        self._held: dict[str, None] = {}

    @property
    def endpoint_url(self) -> str | None:
        endpoint: str | None = self.transport_options.get("endpoint")
        return endpoint

    def look(self, queue: str) -> None:
        self._url = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
        self._attributes()

    def receive(self, queue: str, most: int) -> Sequence[Posted]:
        del queue
        found: list[Posted] = []
        wait_s = self.transport_options["wait_time_seconds"]
        while len(found) < most and (came := self._receive(min(most - len(found), MOST_AT_ONCE), wait_s)):
            found += came
            wait_s = 0
        return found

    def settle(self, queue: str, posted: Sequence[Posted]) -> None:
        """A message that SQS does not delete it hands over again: a copy."""
        del queue
        for tags in _tens(posted):
            entries = [{"Id": str(at), "ReceiptHandle": tag} for at, tag in enumerate(tags)]
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            self._forget(tags)

    def bury(self, queue: str, posted: Sequence[Posted]) -> None:
        if "RedrivePolicy" in self._attributes():
            self._show([one.tag for one in posted])
        else:
            self.settle(queue, posted)

    def give_back(self, queue: str) -> None:
        del queue
        self._show(list(self._held))

    def _update_queue_cache(self, queue_name_prefix: str) -> None:
        """Nothing is listed: kombu would ask for every queue of the account."""

    @property
    def _client(self) -> Any:
        return self.sqs()

    def _attributes(self) -> dict[str, str]:
        told = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        attributes: dict[str, str] = told.get("Attributes", {})
        return attributes

    def _receive(self, most: int, wait_s: int) -> list[Posted]:
        told = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=self.visibility_timeout,
            MessageAttributeNames=["All"],
        )
        found = [_posted(message) for message in told.get("Messages", [])]
        self._held.update(dict.fromkeys(one.tag for one in found))
        return found

    def _show(self, tags: list[str]) -> None:
        for tag in tags:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=tag, VisibilityTimeout=0)
        self._forget(tags)

    def _forget(self, tags: list[str]) -> None:
        for tag in tags:
            self._held.pop(tag, None)


class SqsTransport(SQS.Transport):
    Channel = SqsChannel


def _tens(posted: Sequence[Posted]) -> Iterator[list[str]]:
    for start in range(0, len(posted), MOST_AT_ONCE):
        yield [one.tag for one in posted[start : start + MOST_AT_ONCE]]


def _posted(message: dict[str, Any]) -> Posted:
    """A lone surrogate cannot be in what SQS answers, which is UTF-8 on the wire."""
    given = message.get("MessageAttributes", {})
    headers = {name: one["StringValue"] for name, one in given.items() if "StringValue" in one}
    body = message["Body"].encode("utf-8", errors="surrogatepass")
    return Posted(body=body, headers=headers, id=message["MessageId"], tag=message["ReceiptHandle"])
