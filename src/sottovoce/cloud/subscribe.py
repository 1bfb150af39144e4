"""What a tenant applies so that events reach us: templates as they are, and the permissions that are needed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Final

TEMPLATES: Final = (
    "eventbridge.yaml",
    "trigger.json",
    "announce-flow.yaml",
    "announce-action.json",
    "verdict-flow.yaml",
)


def write_files(folder: Path, *, permissions: Iterable[str]) -> tuple[Path, ...]:
    """All files into a folder that is made; those there already are replaced. Answers their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in TEMPLATES:
        (folder / name).write_text(_template(name), encoding="utf-8")
        written.append(folder / name)
    listed = "\n".join(f"- `{permission}`" for permission in sorted(set(permissions)))
    (folder / "README.md").write_text(f"{_template('subscribe.md')}\n{listed}\n", encoding="utf-8")
    return (*written, folder / "README.md")


def _template(name: str) -> str:
    return resources.files("sottovoce.cloud").joinpath(name).read_text(encoding="utf-8")
