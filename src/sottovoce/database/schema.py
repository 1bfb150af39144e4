"""The whole schema: importing it makes `metadata` know every table of the registry."""

from __future__ import annotations

from sottovoce.database import (
    access_tables,
    agreement_tables,
    compliance_tables,
    custody_tables,
    delivery_tables,
    question_tables,
    upload_tables,
)
from sottovoce.database.tables import metadata

__all__ = [
    "access_tables",
    "agreement_tables",
    "compliance_tables",
    "custody_tables",
    "delivery_tables",
    "metadata",
    "question_tables",
    "upload_tables",
]
