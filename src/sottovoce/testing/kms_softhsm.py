"""A SoftHSM token of one's own, for tests; skipped where the machine has none.

SoftHSM stands for the interface of an HSM, not for its protection: keys lie in files. Its library reads its
configuration once a process, so every token of a test session lies in one folder.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import pytest

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = "987654"


def find_softhsm() -> str:
    """The library's path; skips the test where there is none."""
    found = next((path for path in LIBRARIES if Path(path).is_file()), None)
    if found is None:
        pytest.skip("no SoftHSM on this machine")
    return found


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library, set up to keep its tokens in a folder of this session."""
    library, folder = find_softhsm(), tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(config)
    return library


@pytest.fixture(scope="session")
def hsm_token(softhsm: str) -> tuple[str, str]:
    """Library and label of a token for this session whose user PIN is `PIN`."""
    label = f"t{secrets.token_hex(6)}"
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "12345678"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return softhsm, label
