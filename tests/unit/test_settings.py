"""Secrets come by reference, and a workspace is one folder."""

from __future__ import annotations

import pytest

from sottovoce.errors import WorkspaceError
from sottovoce.settings import Workspace, resolve_secret


def test_a_secret_is_read_from_the_environment(monkeypatch):
    """env:NAME is the variable's value, and stays confidential."""
    monkeypatch.setenv("SV_TEST_SECRET", "s3cret")
    found = resolve_secret("env:SV_TEST_SECRET")
    assert found.reveal() == "s3cret"
    assert "s3cret" not in repr(found)


def test_a_secret_is_read_from_a_file(tmp_path):
    """file:PATH is the file's text without its last newline, relative to the workspace."""
    (tmp_path / "pass").write_text("s3cret\n")
    assert resolve_secret("file:pass", base=tmp_path).reveal() == "s3cret"
    assert resolve_secret(f"file:{tmp_path}/pass").reveal() == "s3cret"


@pytest.mark.parametrize("reference", ["env:SV_NOT_SET", "file:not-there"])
def test_a_missing_secret_is_named_with_a_hint(reference, tmp_path):
    """A missing secret names its reference and says how to set it."""
    with pytest.raises(WorkspaceError, match=reference) as refused:
        resolve_secret(reference, base=tmp_path)
    assert refused.value.hint


def test_an_empty_secret_is_missing(tmp_path):
    """An empty file is no secret."""
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(WorkspaceError, match="missing or empty"):
        resolve_secret("file:empty", base=tmp_path)


def test_a_workspace_is_required_where_init_was_never_run(tmp_path):
    """Commands that need a workspace say so, and how to make one."""
    with pytest.raises(WorkspaceError) as refused:
        Workspace(tmp_path).required()
    assert "sottovoce init" in refused.value.hint
    (tmp_path / "policy.yaml").write_text("")
    here = Workspace(tmp_path).required()
    assert {
        here.key_ring.parent,
        here.log_key.parent,
        here.token_key.parent,
        here.slots.parent,
        here.reports.parent,
    } == {tmp_path}


def test_a_secret_that_is_no_text_stays_out_of_the_chain(tmp_path):
    """An error about a secret carries nothing of it, not even on the exception it came from."""
    (tmp_path / "pass").write_bytes(b"s3cret\xff")
    with pytest.raises(WorkspaceError) as refused:
        resolve_secret("file:pass", base=tmp_path)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
