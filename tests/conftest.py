"""What every test may ask for: shared speech and vectors, and throw-away servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sottovoce.testing.brokers import rabbitmq_broker, redis_broker
from sottovoce.testing.kms_softhsm import hsm_token, softhsm
from sottovoce.testing.postgres import postgres, postgres_server

__all__ = ["hsm_token", "postgres", "postgres_server", "rabbitmq_broker", "redis_broker", "softhsm"]

os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and tables would then be cut to it

settings.register_profile("sottovoce", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sottovoce")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared speech and test vectors; tests that need it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    path = Path(os.environ.get("SOTTOVOCE_SHARED", beside))
    if not path.is_dir():
        pytest.skip("needs the shared folder (SOTTOVOCE_SHARED)")
    return path
