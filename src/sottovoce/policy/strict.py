"""What every part of the policy is made of: a closed set of keys, and secrets by reference only (SPEC 15.4)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SecretRef = Annotated[str, Field(pattern=r"^(env|file):.+$")]
"""Where a secret is, never what it is."""


class Strict(BaseModel):
    """Unknown keys are errors, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
