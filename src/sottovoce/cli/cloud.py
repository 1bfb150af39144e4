"""`sottovoce cloud`: what the owner of a cloud account reviews and deploys. Nothing is sent anywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, assert_never
from urllib.parse import urlsplit

import typer

from sottovoce.cli.batch import write_whole
from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say
from sottovoce.cloud.aws import aws_yaml
from sottovoce.cloud.aws_plan import GUIDE_PREFIX, Choices, aws_plan
from sottovoce.cloud.aws_roles import LABELS
from sottovoce.cloud.azure import azure_arm
from sottovoce.cloud.google import google_terraform
from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.lifecycle import Provider, lifecycle
from sottovoce.errors import PolicyError, RetentionConflict
from sottovoce.wiring.house import House

app = typer.Typer(no_args_is_help=True, help="Templates for cloud accounts.")


class Cloud(StrEnum):
    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"


@app.callback()
def root() -> None:
    """Keeps `template` a command of its own."""


@app.command()
def template(
    cloud: Annotated[Cloud, typer.Argument(help="aws: CloudFormation. gcp: Terraform JSON. azure: an ARM template.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    workspace: InWorkspace = HERE,
    *,
    region: Annotated[str | None, typer.Option(help="By default storage.region.")] = None,
    zone: Annotated[str | None, typer.Option(help="The residency zone, such as eu; by default the region's.")] = None,
    allowed: Annotated[
        list[str] | None, typer.Option("--region-allowed", help="A region data may be in besides; may be given often.")
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="By default the bucket of storage.url.")] = None,
    training_prefix: Annotated[
        str | None, typer.Option(help="Where the corpus lies in the bucket; by default the prefix of storage.url.")
    ] = None,
    vendor: Annotated[
        list[str] | None, typer.Option(help="Aws: who is delivered to, each under its own prefix; may be given often.")
    ] = None,
    trainer: Annotated[str | None, typer.Option(help="Aws: ARN of who trains; SageMaker itself by default.")] = None,
    bulk_reads: Annotated[
        int, typer.Option(min=1, help="Aws: objects read in five minutes from which on the alarm calls.")
    ] = 1000,
    vpc: Annotated[
        bool, typer.Option("--vpc/--no-vpc", help="Aws: with an S3 endpoint that training must use.")
    ] = True,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="Tier to the archive, and delete nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a template from the policy: the same bytes for the same policy and options. Review it, then deploy it."""
    house = house_at(workspace)
    match cloud:
        case Cloud.AWS:
            choices = Choices(
                region=region,
                zone=zone,
                allowed=tuple(allowed or ()),
                bucket=bucket,
                training_prefix=training_prefix,
                vendors=tuple(vendor or ()),
                trainer=trainer,
                bulk_reads=bulk_reads,
                vpc=vpc,
            )
            text = _aws(house, choices, expire=not no_expiry)
        case Cloud.GCP:
            name, prefix = _place(house, "gs", bucket, training_prefix)
            days = house.policy.retention.corpus_days
            text = google_terraform(bucket=name, prefix=prefix, location=_needed(region, "--region"), days=days)
        case Cloud.AZURE:
            name, prefix = _place(house, "az", bucket, training_prefix)
            text = azure_arm(container=name, prefix=prefix, labels=LABELS)
        case _:
            assert_never(cloud)
    write_whole(output, text.encode())
    shown = {"cloud": cloud.value, "written": str(output)}
    answer(shown) if as_json else say(f"{cloud.value}: {output}. Nothing was sent: review it, then deploy it.")


def _aws(house: House, choices: Choices, *, expire: bool) -> str:
    """A bucket knows nothing of legal holds, so that one that stands forbids rules that delete."""
    if expire and house.custody.holds.list():
        hint = "use --no-expiry while a hold stands, and lift it before the bucket expires anything by itself"
        raise RetentionConflict("a bucket knows nothing of legal holds, and there are some", hint=hint)
    rules = lifecycle(Provider.S3, rules_of(house.policy.retention), expire=expire)
    return aws_yaml(aws_plan(house.policy, choices, digest=house.loaded.digest, lifecycle=rules))


def _place(house: House, scheme: str, bucket: str | None, prefix: str | None) -> tuple[str, str]:
    """The bucket or container, and the prefix as it stands before names."""
    parts = urlsplit(house.policy.storage.url)
    stored = (parts.netloc, parts.path) if parts.scheme == scheme else ("", GUIDE_PREFIX)
    wanted = (stored[1] if prefix is None else prefix).strip("/")
    return _needed(bucket or stored[0], "--bucket"), f"{wanted}/" if wanted else ""


def _needed(value: str | None, option: str) -> str:
    if not value:
        raise PolicyError(f"this template needs {option}", hint="the policy does not say it")
    return value
