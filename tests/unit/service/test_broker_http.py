"""The broker over HTTP, as a training job meets it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import OKPKey
from starlette.testclient import TestClient

from sottovoce.access.grant_book import Wish
from sottovoce.access.object_key import open_with
from sottovoce.access.possession import prove
from sottovoce.access.principals import Kind
from sottovoce.access.roles import Operation, Role
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessRefused, LedgerUnavailable, WorkspaceError
from sottovoce.service.broker import Tickets, broker_app
from sottovoce.service.broker_server import Address, bind, server
from sottovoce.settings import Workspace
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.house import carry_all, make_test_workspace, quick_house, settle_all

ORIGIN = "http://testserver"


@pytest.fixture(scope="module")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("broker") / "w"
    house = quick_house(make_test_workspace(root, count=1))
    assert set(carry_all(house, settle_all(house)).values()) == {"sealed"}
    house.corpus.releaser.release(actor="test")
    house.close()
    return root


@dataclass
class Job:
    """A reader with a grant and a key."""

    house: object
    http: httpx.Client
    token: Confidential[str]
    key: OKPKey | None

    def headers(self, method: str, path: str) -> dict[str, str]:
        said = {"authorization": f"Bearer {self.token.reveal()}"}
        if self.key is not None:
            url = f"{ORIGIN}{path}"
            said["dpop"] = prove(self.key, method=method, url=url, token=self.token, at=self.house.clock())
        return said

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.http.get(path, params=query, headers=self.headers("GET", path))

    def post(self, path: str, **said: object) -> httpx.Response:
        return self.http.post(path, json=said, headers=self.headers("POST", path))


@pytest.fixture
def job(_released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    house = quick_house(Workspace(Path(shutil.copytree(_released, tmp_path / "w"))))
    desk, key = house.access, OKPKey.generate_key("Ed25519")
    holder = desk.principals.create(Kind.TRAINING, by=desk.me().id, roles=[Role.TRAINER])
    wish = Wish(
        holder=holder.id,
        operations=frozenset({Operation.CORPUS_DECRYPT, Operation.CORPUS_LIST}),
        prefix="corpus/v1",
        purpose="ai_training",
        recordings=100,
        lifetime=timedelta(minutes=15),
        thumbprint=key.thumbprint(),
    )
    app = broker_app(broker=desk.broker, store=house.store, clock=house.clock, origin=ORIGIN)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield Job(house, http, desk.grants.issue(wish, by=desk.me().id).token, key)
    house.close()


def first(job: Job) -> str:
    return job.get("/v1/samples", prefix="corpus/v1").json()["names"][0]


def test_a_job_lists_reads_and_decrypts(job: Job) -> None:
    """Names, a key, a link, the sound; the link works once."""
    name = first(job)
    answer = job.post("/v1/reads", resource=name)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    said = answer.json()
    path = said["url"].removeprefix(ORIGIN)
    ciphertext = job.http.get(path).content
    sound = open_with(Confidential(base64.b64decode(said["key"])), ciphertext)
    assert sound.reveal() == job.post("/v1/sound", resource=name).content
    assert job.http.get(path).status_code == 404
    assert said["expires_in"] == 60


def test_a_stolen_grant_reads_nothing(job: Job) -> None:
    """Without the holder's key, with another, with a proof that was used, or for another request."""
    name, token = first(job), job.token
    bare = {"authorization": f"Bearer {token.reveal()}"}
    assert job.http.post("/v1/reads", json={"resource": name}, headers=bare).status_code == 403
    proof = prove(job.key, method="POST", url=f"{ORIGIN}/v1/reads", token=token, at=job.house.clock())
    used = {**bare, "dpop": proof}
    assert job.http.post("/v1/reads", json={"resource": name}, headers=used).status_code == 200
    assert job.http.post("/v1/reads", json={"resource": name}, headers=used).status_code == 401
    job.key, mine = OKPKey.generate_key("Ed25519"), job.key
    assert job.post("/v1/reads", resource=name).status_code == 403
    elsewhere = prove(mine, method="POST", url=f"{ORIGIN}/v1/sound", token=token, at=job.house.clock())
    assert job.http.post("/v1/reads", json={"resource": name}, headers={**bare, "dpop": elsewhere}).status_code == 401


def test_errors_are_codes(job: Job) -> None:
    """Nothing of what was asked comes back."""
    assert job.http.get("/v1/samples", params={"prefix": "corpus/v1"}).json() == {"error": "E_NOT_SIGNED_IN"}
    assert job.post("/v1/reads", resource="corpus/v1/train/" + "f" * 32).json() == {"error": "E_ACCESS_REFUSED"}
    assert job.post("/v1/reads", resource="secret words here").json() == {"error": "E_REQUEST"}
    assert job.post("/v1/reads", resource=first(job), extra=1).json() == {"error": "E_REQUEST"}
    assert job.post("/v1/reads", resource=first(job), wrap_to="%%").json() == {"error": "E_GRANT_INVALID"}
    assert job.get("/v1/samples", prefix="a b").json() == {"error": "E_ACCESS_REFUSED"}
    assert job.http.get("/healthz").json() == {"status": "ok"}
    assert job.http.get("/docs").status_code == 404


def test_bodies_are_small(job: Job) -> None:
    """Larger ones, and those that do not say how large, are not read."""
    big = {"authorization": "Bearer x", "content-length": "99999999"}
    assert job.http.post("/v1/reads", content=b"{}", headers=big).status_code == 413
    assert job.http.post("/v1/reads", content=iter([b"{}"]), headers={"authorization": "Bearer x"}).status_code == 413


def test_a_key_is_wrapped_where_it_is_asked(job: Job) -> None:
    """Then it is not in the answer in the clear."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    mine = X25519PrivateKey.generate()
    public = base64.b64encode(mine.public_key().public_bytes_raw()).decode()
    said = job.post("/v1/reads", resource=first(job), wrap_to=public).json()
    assert said["key"] is None and said["wrapped_key"]


def test_what_is_away_is_503_and_what_is_erased_is_gone(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader knows whether to come back."""
    name = first(job)

    def full(*_: object) -> None:
        raise LedgerUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(job.house.ledger, "append", full)
        assert job.post("/v1/sound", resource=name).status_code == 503
    job.house.vault.shred(job.house.access.catalog.find(name).recording)
    assert job.post("/v1/sound", resource=name).status_code == 410


def test_links_end_after_a_minute() -> None:
    """Used or not."""
    clock = SteppedClock()
    tickets = Tickets(clock.now)
    ticket = tickets.draw("aa/bb")
    clock.advance(59)
    late = tickets.draw("aa/cc")
    assert tickets.redeem(ticket) == "aa/bb"
    clock.advance(60)
    assert tickets.redeem(late) is None


def test_keys_leave_the_machine_over_tls_only(tmp_path: Path) -> None:
    """Beyond loopback a certificate is needed, and both halves of it."""
    with pytest.raises(AccessRefused):
        bind(Address(host="0.0.0.0"))
    with pytest.raises(AccessRefused):
        bind(Address(certificate=tmp_path / "c.pem"))
    bound, address = bind(Address(port=0))
    with bound:
        assert address.origin == f"http://127.0.0.1:{address.port}"
        with pytest.raises(WorkspaceError):
            bind(Address(port=address.port))
        assert server(None, address).config.proxy_headers is False
