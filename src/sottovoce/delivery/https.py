"""A vendor's ingestion interface: one multipart request, or an upload address for each file.

Every request carries the same idempotency key however often it is tried. An upload address gets no credentials of ours.
What the vendor says is not believed: its own digest, or what lies there, is compared with what was sent; where neither
can be had, somebody must have waived it by name in the policy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never
from urllib.parse import quote

import httpx

from sottovoce.delivery.checks import checked, skew_check
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryLost, DeliveryUnavailable, DeliveryUnknown
from sottovoce.delivery.hosts import upload_headers, upload_url
from sottovoce.delivery.login import Login
from sottovoce.delivery.parcel import Item, Label, Parcel
from sottovoce.delivery.profile import Multipart
from sottovoce.delivery.protocol import Check, Confirmed, How, Placed
from sottovoce.delivery.wire import Said, Wire
from sottovoce.policy.destinations import (
    ConfirmByAnswer,
    ConfirmByReading,
    ConfirmByStatus,
    ConfirmWaived,
)
from sottovoce.policy.destinations import (
    HttpsDestination as Settings,
)

_HAVE_IT: Final = 409
"""Conflict: the vendor knows the key already. Whether it has the very same is asked afterwards."""
_ENDED: Final = frozenset({401, 403, 410})
"""What a store answers to an upload address whose time is over."""
_ONE_EACH: Final = "{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the vendor said when it took it."""

    reference: str | None
    stated: str | None = None


class IngestionDestination:
    """One vendor's interface, as the policy describes it."""

    def __init__(self, *, settings: Settings, wire: Wire, login: Login | None, multipart: Multipart) -> None:
        self._settings = settings
        self._wire = wire
        self._login = login
        self._names = multipart

    def put(self, parcel: Parcel, *, key: str) -> Placed:
        taken = self._post(parcel, key) if self._settings.way == "multipart" else self._upload_all(parcel, key)
        return Placed(waybill=parcel.waybill, is_answered=True, reference=taken.reference, stated=taken.stated)

    def confirm(self, placed: Placed) -> Confirmed:
        how = self._settings.confirm
        match how:
            case ConfirmByStatus():
                labels = placed.waybill.labels if _ONE_EACH in how.url else placed.waybill.labels[:1]
                for label in labels:
                    self._ask_status(how, placed, label)
                return Confirmed(how=How.CHECKSUM, reference=placed.reference)
            case ConfirmByReading():
                labels = placed.waybill.labels if _ONE_EACH in how.url else placed.waybill.labels[:1]
                for label in labels:
                    self._read(how, placed, label)
                return Confirmed(how=How.READ_BACK, reference=placed.reference)
            case ConfirmByAnswer():
                self._must_be_answered(placed)
                if placed.stated != _digest(placed.waybill.audio, how.digest):
                    raise _lost()
                return Confirmed(how=How.CHECKSUM, reference=placed.reference)
            case ConfirmWaived():
                self._must_be_answered(placed)
                return Confirmed(how=How.WAIVED, reference=placed.reference)
            case _:
                assert_never(how)

    def withdraw(self, placed: Placed) -> bool:
        pattern = self._settings.delete_url
        if pattern is None or ("{reference}" in pattern and placed.reference is None):
            return False
        labels = placed.waybill.labels if _ONE_EACH in pattern else placed.waybill.labels[:1]
        for label in labels:
            said = self._wire.send("DELETE", _filled(pattern, placed, label), headers={}, login=self._login)
            if said.status not in {404, 410}:
                self._wire.judge(said)
        return True

    def probe(self) -> Sequence[Check]:
        """Credentials and clock. Nothing is posted: a canary would be a call in the vendor's hands."""
        return [checked("credentials and clock", self._answers)]

    def _answers(self) -> str:
        said = self._wire.send("HEAD", self._settings.url, headers={}, login=self._login)
        if said.status in {401, 403, 407}:
            raise DeliveryForbidden(f"the destination refuses us ({said.status})", hint="check the credentials")
        if said.status >= 500 and said.status != 501:
            raise DeliveryUnavailable(f"the destination does not answer ({said.status})")
        return f"it answers ({said.status}); {skew_check(said.headers.get('date'), self._wire.now())}"

    # handing over

    def _post(self, parcel: Parcel, key: str) -> Taken:
        fields = {"audio": self._names.audio, "sidecar": self._names.sidecar, "transcript": self._names.transcript}
        files = [(fields[i.part], (i.name, i.data.reveal(), i.content_type)) for i in parcel.items]
        built = httpx.Request("POST", self._settings.url, files=files)
        body, kind = built.read(), built.headers["Content-Type"]
        said = self._wire.send(
            "POST",
            self._settings.url,
            headers={**self._marked(key), "Content-Type": kind},
            body=body,
            login=self._login,
        )
        return self._taken(said, self._settings.reference_field)

    def _upload_all(self, parcel: Parcel, key: str) -> Taken:
        """The sound last: whoever waits for it finds what goes with it."""
        taken = Taken(reference=None)
        for item in reversed(parcel.items):
            taken = self._upload(item, key)
        return taken

    def _upload(self, item: Item, key: str) -> Taken:
        """To an address that was asked for; to another one, once, where its time was over."""
        asked = self._address(item, key)
        said = self._put_to(asked, item)
        if said.status in _ENDED:
            asked = self._address(item, key)
            said = self._put_to(asked, item)
        self._wire.judge(said)
        return Taken(reference=asked.text_at(self._settings.upload.reference_field))

    def _address(self, item: Item, key: str) -> Said:
        label = item.label
        known = {
            "id": key,
            "name": item.name,
            "size": label.size,
            "sha256": label.sha256,
            "content_type": item.content_type,
        }
        body = json.dumps({name: known[fact] for name, fact in self._settings.upload.fields.items()}).encode()
        headers = {**self._marked(f"{key}-{item.part}"), "Content-Type": "application/json"}
        said = self._wire.send("POST", self._settings.url, headers=headers, body=body, login=self._login)
        return self._wire.judge(said)

    def _put_to(self, asked: Said, item: Item) -> Said:
        upload = self._settings.upload
        url = upload_url(asked.at(upload.url_field), self._settings.upload_hosts)
        wanted = upload_headers(asked.at(upload.headers_field)) if upload.headers_field else {}
        return self._wire.send(
            "PUT", url, headers={"content-type": item.content_type, **wanted}, body=item.data.reveal()
        )

    def _marked(self, key: str) -> dict[str, str]:
        return {self._settings.idempotency_header: key, "X-Correlation-Id": key, "Accept": "application/json"}

    def _taken(self, said: Said, reference_field: str) -> Taken:
        how = self._settings.confirm
        if said.status != _HAVE_IT:
            self._wire.judge(said)
        stated = said.text_at(how.digest_field) if isinstance(how, ConfirmByAnswer) else None
        return Taken(reference=said.text_at(reference_field), stated=stated.lower() if stated else None)

    # believing

    def _url(self, pattern: str, placed: Placed, label: Label) -> str:
        if "{reference}" in pattern and placed.reference is None:
            self._must_be_answered(Placed(waybill=placed.waybill))
        return _filled(pattern, placed, label)

    def _ask_status(self, how: ConfirmByStatus, placed: Placed, label: Label) -> None:
        said = self._found(self._url(how.url, placed, label))
        if how.state_field and said.text_at(how.state_field) in how.pending:
            raise DeliveryUnavailable("the destination has not looked at it yet")
        stated = said.text_at(how.digest_field)
        if stated is None or stated.lower() != _digest(label, how.digest):
            raise _lost()

    def _read(self, how: ConfirmByReading, placed: Placed, label: Label) -> None:
        found = hashlib.sha256()
        self._found(self._url(how.url, placed, label), take=found.update)
        if found.hexdigest() != label.sha256:
            raise _lost()

    def _found(self, url: str, take: Any = None) -> Said:
        said = self._wire.send("GET", url, headers={"Accept": "*/*"}, login=self._login, take=take)
        if said.status in {404, 410}:
            raise _lost()
        return self._wire.judge(said)

    def _must_be_answered(self, placed: Placed) -> None:
        """Without an answer, and without a way to ask, only a vendor that takes a key once may be given it again."""
        if placed.is_answered:
            return
        if self._settings.honours_idempotency:
            raise DeliveryLost("the destination gave no answer, and takes the same key once only")
        raise DeliveryUnknown(
            "nobody can tell whether it arrived",
            hint="ask the vendor by the delivery's correlation id, or set honours_idempotency where it is so",
        )


def _filled(pattern: str, placed: Placed, label: Label) -> str:
    """The address of one item, every name quoted."""
    known = {"{id}": placed.waybill.mark, "{name}": label.name, "{reference}": placed.reference or ""}
    for name, value in known.items():
        pattern = pattern.replace(name, quote(value, safe=""))
    return pattern


def _digest(label: Label, kind: str) -> str:
    return label.md5 if kind == "md5" else label.sha256


def _lost() -> DeliveryLost:
    return DeliveryLost("the destination did not keep what it was given", hint="ask the vendor by its correlation id")
