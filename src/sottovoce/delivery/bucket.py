"""Staging in Google Cloud Storage, Azure Blob Storage or a folder, through the storage room.

Nothing they answer is believed: each object is read back and hashed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sottovoce.delivery.checks import CANARY, checked, tried
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryLost, DeliveryUnavailable
from sottovoce.delivery.parcel import Parcel
from sottovoce.delivery.protocol import Check, Confirmed, How, Placed
from sottovoce.errors import ObjectMissing, StorageError, StorageRefused
from sottovoce.storage.protocol import ObjectLabels, ObjectStore


class BucketDestination:
    """Any `ObjectStore`."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        tags: Mapping[str, str],
        version: str,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._tags = tags
        self._version = version
        self._random = random

    def put(self, parcel: Parcel, *, key: str) -> Placed:
        """The sound last: whoever waits for it finds what goes with it."""
        said = {"redaction-applied": "true", "pipeline-version": self._version, "delivery-id": key}
        with _failures_named():
            for item in reversed(parcel.items):
                labels = ObjectLabels(tags=self._tags, metadata=said)
                self._store.put(item.name, item.data.reveal(), labels=labels)
        return Placed(waybill=parcel.waybill, is_answered=True)

    def confirm(self, placed: Placed) -> Confirmed:
        with _failures_named():
            for label in placed.waybill.labels:
                if hashlib.sha256(self._store.get(label.name)).hexdigest() != label.sha256:
                    raise DeliveryLost("the destination keeps something else", hint="check the store, then try again")
        return Confirmed(how=How.READ_BACK)

    def withdraw(self, placed: Placed) -> bool:
        with _failures_named():
            for label in placed.waybill.labels:
                self._store.delete(label.name)
        return True

    def probe(self) -> Sequence[Check]:
        return [checked("canary", self._canary)]

    def _canary(self) -> str:
        data = self._random(64)
        with _failures_named():
            self._store.put(CANARY, data)
            kept = self._store.get(CANARY) == data
            self._store.delete(CANARY)
        if not kept:
            raise DeliveryLost("the destination did not keep what it was given", hint="check the store")
        return tried("written", "read back", "deleted")


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except ObjectMissing:
        raise DeliveryLost("the destination keeps nothing under that name", hint="try again") from None
    except StorageRefused as failure:
        raise DeliveryForbidden("the destination refuses access", hint=failure.hint) from None
    except StorageError as failure:
        raise DeliveryUnavailable(f"the destination failed ({failure.code})", hint=failure.hint) from None
