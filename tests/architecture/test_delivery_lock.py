"""Nothing unsealed can be handed to a destination: held by the code's own types."""

from __future__ import annotations

import ast
from pathlib import Path

ROOM = Path(__file__).parents[2] / "src" / "sottovoce" / "delivery"
SOURCE = ROOM.parent
UNSEALED = {"Captured", "Admitted", "Redacted", "Verified", "Anonymized", "Media"}


def trees(root: Path = ROOM) -> dict[str, ast.Module]:
    return {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text()) for path in root.rglob("*.py")}


def names_in(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}


def parameters(tree: ast.Module) -> dict[str, set[str]]:
    """For every function, the names that its parameters' annotations speak of."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            found[node.name] = {n for a in every if a.annotation for n in names_in(a.annotation)}
    return found


def test_the_room_knows_no_form_but_sealed() -> None:
    """No module of the room so much as imports a form that a recording has before its seal."""
    assert {name: names_in(tree) & UNSEALED for name, tree in trees().items() if names_in(tree) & UNSEALED} == {}


def test_only_packing_makes_a_parcel() -> None:
    """A parcel comes from sealed objects and from nowhere else in the program."""
    makers = {
        name
        for name, tree in trees(SOURCE).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "Parcel" in {getattr(node.func, "id", ""), getattr(node.func, "attr", "")}
    }
    assert makers == {"delivery/packing.py"}


def test_only_packing_opens_what_was_sealed() -> None:
    """No other module of the room reads a sealed object."""
    openers = {
        name
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "open_object"
    }
    assert openers == {"delivery/packing.py"}


def test_sound_is_met_in_packing_alone() -> None:
    """Decoded sound is in no other module's hands; the protocol only names what speech does with it."""
    holders = {name for name, tree in trees().items() if "Sound" in names_in(tree)}
    assert holders == {"delivery/packing.py", "delivery/protocol.py"}


def test_destinations_are_given_parcels_and_placed_ones() -> None:
    """`put` takes a Parcel and no bytes; the deliverer takes Sealed."""
    puts = [found["put"] for tree in trees().values() if "put" in (found := parameters(tree))]
    assert len(puts) >= 4
    assert all("Parcel" in each and "bytes" not in each for each in puts)
    assert "Sealed" in parameters(trees()["delivery/deliverer.py"])["deliver"]


def test_the_check_can_fail() -> None:
    """A function that took a redacted recording would be found."""
    slipped = ast.parse("from sottovoce.domain.recording import Redacted\ndef put(redacted: Redacted) -> None: ...")
    assert names_in(slipped) & UNSEALED == {"Redacted"}
    assert parameters(slipped) == {"put": {"Redacted"}}
