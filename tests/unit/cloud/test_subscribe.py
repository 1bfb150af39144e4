"""The files a tenant applies: valid, whole, and without anything that should not leave an account."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sottovoce.cloud.subscribe import TEMPLATES, write_files
from sottovoce.intake.event import CONVERSATION_ENDS
from sottovoce.policy.model import Compliance
from sottovoce.wiring.compliance import needed_permissions


class CloudFormation(yaml.SafeLoader):
    """YAML with CloudFormation's short functions."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node)}
    return {suffix: loader.construct_mapping(node)}  # type: ignore[arg-type]


CloudFormation.add_multi_constructor("!", _function)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_files(tmp_path / "out", permissions=["a:b:c"])
    return tmp_path / "out"


def test_every_file_is_written_and_is_what_it_says(written: Path) -> None:
    """JSON is JSON, YAML is YAML, and the readme names every file and permission."""
    readme = (written / "README.md").read_text()
    for name in TEMPLATES:
        text = (written / name).read_text()
        assert json.loads(text) if name.endswith("json") else yaml.load(text, CloudFormation)  # noqa: S506
        assert f"`{name}`" in readme
    assert "- `a:b:c`" in readme


def test_eventbridge_sends_the_conversation_and_nothing_personal(written: Path) -> None:
    """Its references lead somewhere; what it sends is an event of ours without number, agent or provider."""
    template = yaml.load((written / "eventbridge.yaml").read_text(), CloudFormation)  # noqa: S506
    rule = template["Resources"]["ConversationEnded"]["Properties"]
    (target,) = rule["Targets"]
    sent = target["InputTransformer"]["InputTemplate"]
    paths = target["InputTransformer"]["InputPathsMap"]
    assert set(re.findall(r"<(\w+)>", sent)) == set(paths)
    assert not any(word in json.dumps(paths) for word in ("ani", "dnis", "user", "queue", "provider"))
    assert CONVERSATION_ENDS.fullmatch(rule["EventPattern"]["detail-type"][0])
    body = json.loads(sent.replace("<at>", "1").replace("<", "").replace(">", ""))
    assert set(body["detail"]["eventBody"]) == {"conversationId", "eventTime", "mediaType"}
    known = {*template["Resources"], *template["Parameters"]}
    named = re.findall(r"!(?:Ref|GetAtt) (\w+)", (written / "eventbridge.yaml").read_text())
    assert set(named) <= known


def test_the_data_action_sends_an_event_we_understand(written: Path) -> None:
    """What it posts is the end of a conversation, with a token and no secret in the file."""
    action = json.loads((written / "announce-action.json").read_text())
    body = json.loads(action["config"]["request"]["requestTemplate"].replace("${input.conversationId}", "c-1"))
    assert CONVERSATION_ENDS.fullmatch(body["detail-type"])
    assert action["config"]["request"]["headers"]["Authorization"] == "Bearer ${credentials.token}"


def test_the_trigger_and_its_flow_fit_together(written: Path) -> None:
    """The trigger is off until it was reviewed, and the flow takes what it gives."""
    trigger = json.loads((written / "trigger.json").read_text())
    flow = yaml.safe_load((written / "announce-flow.yaml").read_text())["workflow"]
    assert trigger["enabled"] is False
    inputs = [v["stringVariable"]["name"] for v in flow["variables"] if v["stringVariable"]["isInput"]]
    assert inputs == ["Flow.conversationId"]
    (state,) = flow["states"]
    assert flow["startUpRef"].endswith(f"state[{state['state']['refId']}]")


def test_permissions_are_the_least(written: Path) -> None:
    """Nothing is asked for that the policy does not want done."""
    reading = set(needed_permissions(Compliance(annotate=False, label=False)))
    assert not any(name.split(":")[2] in ("add", "edit", "delete") for name in reading)
    everything = set(needed_permissions(Compliance(work_item_type="t")))
    assert {"recording:annotation:add", "conversation:externalTag:edit", "workitems:workitem:add"} <= everything
