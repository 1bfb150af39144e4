"""The training role, asked at random: our judge of policies against an expectation that knows no policy language."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sottovoce.cloud.aws_plan import AwsPlan
from sottovoce.cloud.aws_roles import training_policy
from sottovoce.testing.cloudformation import resolved
from sottovoce.testing.iam import Request, decided

PLAN = AwsPlan(
    region="eu-central-1",
    zone="eu",
    regions=("eu-central-1", "eu-west-1"),
    corpus_bucket="acme",
    staging_bucket="acme-staging",
    hearing_bucket="acme-hearing",
    log_bucket="acme-logs",
    training_prefix="corpus/",
    policy_digest="d",
)
POLICY = resolved(training_policy(PLAN), {"DataKey.Arn": "arn:key", "S3Endpoint": "vpce-1"})

ACTIONS = st.sampled_from(
    ["s3:GetObject", "s3:getobject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"]
)
BUCKETS = st.sampled_from(["acme", "acme-staging", "acme-hearing", "acmex"])
NAMES = st.one_of(
    st.none(),
    st.sampled_from(["corpus/a", "corpus/", "corpus", "corpusx/a", "raw/a"]),
    st.text("corpus/*?", max_size=9),
)
MAYBE = st.one_of(st.none(), st.sampled_from(["AITraining", "DeIdentified", "Audit", "aitraining", ""]))


@given(
    action=ACTIONS,
    bucket=BUCKETS,
    name=NAMES,
    data_class=MAYBE,
    status=MAYBE,
    region=st.sampled_from(["eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", None]),
    door=st.sampled_from(["vpce-1", "vpce-2", None]),
    prefix=st.one_of(st.none(), st.text("corpus/", max_size=9), st.just("corpus/ab/")),
)
def test_the_role_permits_exactly_what_was_meant(
    action: str,
    bucket: str,
    name: str | None,
    data_class: str | None,
    status: str | None,
    region: str | None,
    door: str | None,
    prefix: str | None,
) -> None:
    """A read of a labelled object under the prefix, or a listing of it; in the zone, by the door; and nothing else."""
    said: dict[str, Any] = {
        "s3:ExistingObjectTag/DataClass": data_class,
        "s3:ExistingObjectTag/PIIStatus": status,
        "aws:RequestedRegion": region,
        "aws:SourceVpce": door,
        "s3:prefix": prefix,
    }
    context = {key: value for key, value in said.items() if value is not None}
    arn = f"arn:aws:s3:::{bucket}" + ("" if name is None else f"/{name}")
    at_home = bucket == "acme" and region in ("eu-central-1", "eu-west-1") and door == "vpce-1"
    reads = action.lower() == "s3:getobject" and name is not None and name.startswith("corpus/")
    lists = action == "s3:ListBucket" and name is None and prefix is not None and prefix.startswith("corpus/")
    labelled = data_class == "AITraining" and status == "DeIdentified"
    expected = at_home and ((reads and labelled) or lists)
    assert decided(Request(action=action, resource=arn, context=context), grants=[POLICY]) is expected


VALUES = st.text("ab", max_size=2)


@given(wanted=st.lists(VALUES, min_size=1, max_size=3), said=st.none() | st.lists(VALUES, min_size=1, max_size=3))
def test_quantified_conditions_are_sets(wanted: list[str], said: list[str] | None) -> None:
    """ForAnyValue is an overlap, ForAllValues a subset, and a missing key is the empty set: never any, always all."""

    def holds(operator: str) -> bool:
        condition = {operator: {"k": wanted}}
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
        request = Request(action="a:b", resource="r", context={} if said is None else {"k": said})
        return decided(request, grants=[{"Version": "2012-10-17", "Statement": [statement]}])

    have = set(said or ())
    assert holds("ForAnyValue:StringEquals") is bool(have & set(wanted))
    assert holds("ForAllValues:StringEquals") is (have <= set(wanted))
    assert holds("ForAnyValue:StringNotEquals") is bool(have - set(wanted))
    if said is None or len(said) == 1:
        single = said[0] if said else None
        assert holds("StringEquals") is (single in wanted)
        assert holds("StringNotEquals") is (single not in wanted)
        assert holds("StringEqualsIfExists") is (single is None or single in wanted)
