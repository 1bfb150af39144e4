"""What unit tests of several rooms share."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import pytest


@pytest.fixture
def no_room():
    """A context in which no file can grow past 16 bytes, as on a full disk."""

    @contextmanager
    def full(limit: int = 16):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full
