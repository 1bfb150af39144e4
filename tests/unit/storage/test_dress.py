"""How labels travel."""

from __future__ import annotations

import pytest

from sottovoce.storage.dress import amazon, azure, azure_indexed, google, unlabelled
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.vault.labels import labels_for

LABELS = labels_for("sample", disguised=True, kms="aws-kms")


def test_amazon_has_tags_and_metadata():
    """As they are."""
    dress = amazon(LABELS)
    assert dict(dress.tags) == {"DataClass": "AITraining", "PIIStatus": "DeIdentified"}
    assert dress.metadata == LABELS.metadata


@pytest.mark.parametrize(("labelling", "joint"), [(google, "-"), (azure, "_")])
def test_others_say_the_same_as_metadata(labelling, joint):
    """In names the service takes: none is lost, and none says another thing."""
    dress = labelling(LABELS)
    assert not dress.tags
    assert dress.metadata == {
        f"data{joint}class": "AITraining",
        f"pii{joint}status": "DeIdentified",
        f"redaction{joint}applied": "true",
        f"pipeline{joint}version": LABELS.metadata["pipeline-version"],
        "kms": "aws-kms",
    }


def test_azure_has_index_tags_where_asked_for():
    """Beside the metadata, under the names that conditions of roles ask for."""
    dress = azure_indexed(LABELS)
    assert dress.tags == amazon(LABELS).tags
    assert dress.metadata == azure(LABELS).metadata


def test_a_folder_says_nothing():
    """Its files have no labels."""
    assert unlabelled(LABELS) == unlabelled(ObjectLabels())


def test_no_label_holds_an_id():
    """Classes and versions only: there is nowhere to put a recording's, a conversation's or a caller's."""
    for kind in ("sample", "transcript", "features", "map", "raw"):
        for disguised in (True, False):
            labels = labels_for(kind, disguised=disguised, kms="local-file")
            assert set(labels.tags) == {"DataClass", "PIIStatus"}
            assert set(labels.metadata) == {"redaction-applied", "pipeline-version", "kms"}
