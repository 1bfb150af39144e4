"""How a vendor wants its audio: data, one YAML file each, in this package or of the customer's own.

A profile says container, codec, rates, channels, names and the form of the metadata. It holds no address and no
account. Vendors change what they take, and tell it to their customers first: a profile is a beginning, to be held
against the vendor's current specification (docs/delivery.md).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import Field, ValidationError

from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import PolicyError
from sottovoce.policy.destinations import CallFact
from sottovoce.policy.strict import Strict

OWN: Final = "file:"
Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*\{id\}[A-Za-z0-9_-]*\.[a-z0-9]{1,5}$")]
"""A file's name: an opaque id, with fixed letters around it."""
FormName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\[\]-]{1,64}$")]

_SUFFIX: Final = {"wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg"}
_SUBTYPE: Final = {"pcm_16": "PCM_16", "ulaw": "ULAW", "alaw": "ALAW", "opus": "OPUS", "vorbis": "VORBIS"}


class Audio(Strict):
    container: Literal["wav", "flac", "ogg"]
    codec: Literal["pcm_16", "ulaw", "alaw", "opus", "vorbis"]
    rates: tuple[Annotated[int, Field(ge=8000, le=48_000)], ...] = ()
    """Those the vendor takes, rising; any when none is named."""
    channels: Literal["separate", "mixed"] = "separate"
    order: tuple[Literal["agent", "customer"], Literal["agent", "customer"]] = ("agent", "customer")
    """Who is on the first channel of two."""
    name: Pattern

    @property
    def content_type(self) -> str:
        return _SUFFIX[self.container]

    def rate_for(self, rate: int) -> int:
        """The recording's own rate where it is taken, else the next above it, else the highest."""
        if not self.rates or rate in self.rates:
            return rate
        return min((each for each in self.rates if each > rate), default=max(self.rates))

    def shape(self, *, rate: int, channels: int) -> MediaFormat:
        return MediaFormat(container=self.container.upper(), codec=_SUBTYPE[self.codec], rate=rate, channels=channels)


class Sidecar(Strict):
    format: Literal["json", "csv", "xml"]
    name: Pattern
    root: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")] = "call"
    """XML: the element that holds the rest."""
    fields: dict[FormName, CallFact]
    """The vendor's names, and what of ours stands under them; nothing else of a call goes along."""
    fixed: dict[FormName, Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/+-]{0,64}$")]] = Field(default_factory=dict)
    """What stands in every one."""


class Multipart(Strict):
    """Names of the form fields where a parcel is posted."""

    audio: FormName = "file"
    sidecar: FormName = "metadata"
    transcript: FormName = "transcript"


class Profile(Strict):
    title: str
    audio: Audio
    sidecar: Sidecar | None = None
    transcript_name: Pattern = "{id}-transcript.json"
    multipart: Multipart = Multipart()
    minimum_active_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """With less speech than this a vendor's voice-activity filter may leave a call out."""
    fill: Literal["silence", "tone", "noise"] = "noise"
    """What `redaction.fill` had best be for this vendor."""
    notes: str = ""


def profile_names() -> tuple[str, ...]:
    """Those that come with the package."""
    found = files("sottovoce.delivery").joinpath("vendors").iterdir()
    return tuple(sorted(each.name.removesuffix(".yaml") for each in found if each.name.endswith(".yaml")))


def load_profile(name: str, *, base: Path) -> Profile:
    """A packaged profile by its name, or `file:…` below `base`. PolicyError, naming the key that is wrong."""
    if name.startswith(OWN):
        try:
            return read_profile((base / name.removeprefix(OWN)).read_text(encoding="utf-8"), name=name)
        except OSError:
            raise PolicyError(f"the profile {name} cannot be read", hint="its path is below the workspace") from None
    if name not in profile_names():
        raise PolicyError(f"there is no profile {name}", hint="one of: " + ", ".join(profile_names()))
    return _packaged(name)


@cache
def _packaged(name: str) -> Profile:
    place = files("sottovoce.delivery").joinpath("vendors", f"{name}.yaml")
    return read_profile(place.read_text(encoding="utf-8"), name=name)


def read_profile(text: str, *, name: str) -> Profile:
    """Strict: an unknown key is an error."""
    try:
        return Profile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise PolicyError(f"the profile {name} is not YAML") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the whole file"
        raise PolicyError(
            f"the profile {name} is wrong at {where}", hint="docs/delivery.md shows every key of a profile"
        ) from None
