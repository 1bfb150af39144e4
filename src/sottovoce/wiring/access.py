"""Who may touch what, composed over one house: sign-in, roles, grants, the gate, the broker, the watch.

Who is asking is found in this order: `SOTTOVOCE_TOKEN`, a session that `sottovoce login` left, the account of the
machine. The account that owns a workspace which knows nobody yet becomes its owner; any other is refused.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from sqlalchemy import Engine

from sottovoce.access.alerts import Alerts
from sottovoce.access.biscuits import BiscuitTokens
from sottovoce.access.broker import Broker, Question
from sottovoce.access.bulk import BulkWatch
from sottovoce.access.canaries import Canaries
from sottovoce.access.catalog import Catalog
from sottovoce.access.gate import Gate
from sottovoce.access.grant_book import GrantBook
from sottovoce.access.oidc import Client, Identity, OidcSignIn
from sottovoce.access.principals import OWNER, Kind, Principal, Principals, State, suspended
from sottovoce.access.protocol import Ciphertext, NoteSigner, Presigner
from sottovoce.access.review import Reviews
from sottovoce.access.roles import Operation, Role
from sottovoce.access.root_keys import RootKeys
from sottovoce.access.sts import SessionCredentials
from sottovoce.access.tokens import AccessTokens, IssuedToken
from sottovoce.domain.confidential import Confidential
from sottovoce.durable import write_durably
from sottovoce.errors import AccessRefused, NotSignedIn, PolicyError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Clock, Ledger
from sottovoce.policy.model import Policy
from sottovoce.settings import Workspace, resolve_secret
from sottovoce.wiring.alerts import compose_channels
from sottovoce.wiring.sts import compose_sts

if TYPE_CHECKING:
    from sottovoce.custody.registry import Registry
    from sottovoce.sources.protocol import Tokenizer
    from sottovoce.storage.protocol import ObjectStore
    from sottovoce.vault.keystore import KeyStore
    from sottovoce.vault.vault import Vault

TOKEN_VARIABLE: Final = "SOTTOVOCE_TOKEN"  # noqa: S105 - the name of a variable
MACHINE: Final = "machine"

FOUNDING: Final = frozenset(
    {
        Operation.ACCESS_READ,
        Operation.ACCESS_MANAGE,
        Operation.ACCESS_REVIEW,
        Operation.GRANT_ISSUE,
        Operation.BROKER_SERVE,
    }
)
"""What writes the owner down in a workspace that knows nobody; the rest is done in its name all the same."""


class AccessHouse(Protocol):
    """The house, as far as access goes."""

    workspace: Workspace
    clock: Clock

    @property
    def policy(self) -> Policy: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def keystore(self) -> KeyStore: ...
    @property
    def store(self) -> ObjectStore: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def signer(self) -> NoteSigner: ...


class AccessDesk:
    """Everything about access of one workspace; parts are made when first asked for."""

    def __init__(self, house: AccessHouse, *, environ: Mapping[str, str] | None = None) -> None:
        self._house = house
        self._environ = os.environ if environ is None else environ
        self.unsigned = False
        """Whether something was written into the ledger that nobody signs by itself."""

    @property
    def engine(self) -> Engine:
        return self._house.registry.engine

    @cached_property
    def principals(self) -> Principals:
        return Principals(engine=self.engine, ledger=self._house.ledger, clock=self._house.clock, ids=_random_id)

    @cached_property
    def tokens(self) -> AccessTokens:
        return AccessTokens(engine=self.engine, ledger=self._house.ledger, clock=self._house.clock)

    @cached_property
    def root_keys(self) -> RootKeys:
        return RootKeys.open(self._house.workspace.grant_keys, clock=self._house.clock)

    @cached_property
    def biscuits(self) -> BiscuitTokens:
        return BiscuitTokens(keys=self.root_keys)

    @cached_property
    def grants(self) -> GrantBook:
        return GrantBook(
            engine=self.engine,
            ledger=self._house.ledger,
            tokens=self.biscuits,
            tenant=self._house.policy.tenant,
            clock=self._house.clock,
            ids=_random_id,
        )

    @cached_property
    def alerts(self) -> Alerts:
        settings = self._house.policy.access.alerts
        channels = compose_channels(settings, workspace=self._house.workspace, clock=self._house.clock)
        return Alerts(engine=self.engine, channels=channels, clock=self._house.clock)

    @cached_property
    def gate(self) -> Gate:
        watch = self._house.policy.access.watch
        return Gate(
            engine=self.engine,
            ledger=self._house.ledger,
            principals=self.principals,
            grants=self.grants,
            tokens=self.biscuits,
            watch=BulkWatch(
                floor=watch.floor,
                factor=watch.factor,
                learning_days=watch.learning_days,
                per_hour=watch.person_per_hour,
                per_day=watch.person_per_day,
            ),
            alerts=self.alerts,
            tenant=self._house.policy.tenant,
            clock=self._house.clock,
            ids=_random_id,
            random=os.urandom,
        )

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(engine=self.engine)

    @cached_property
    def broker(self) -> Broker:
        store: Ciphertext = self._house.store
        return Broker(
            gate=self.gate,
            catalog=self.catalog,
            keys=self._house.keystore,
            store=store,
            tenant=self._house.policy.tenant,
            presigner=_presigner(store),
        )

    def store_session(self, question: Question) -> SessionCredentials:
        """S3 credentials for what lies beside a corpus, from a grant. PolicyError where policy names no role."""
        settings, url = self._house.policy.access.sts, self._house.policy.storage.url
        return self.broker.session(question, compose_sts(settings, url=url), below=urlsplit(url).path)

    @cached_property
    def canaries(self) -> Canaries:
        return Canaries(
            engine=self.engine,
            ledger=self._house.ledger,
            vault=self._house.vault,
            clock=self._house.clock,
            random=os.urandom,
            kms=self._house.keystore.kms,
        )

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(
            engine=self.engine,
            ledger=self._house.ledger,
            principals=self.principals,
            tokens=self.tokens,
            grants=self.grants,
            signer=self._house.signer,
            clock=self._house.clock,
            ids=_random_id,
        )

    @cached_property
    def reader(self) -> Reader:
        return Reader(self)

    @property
    def excused(self) -> bool:
        """Whether a person may listen without saying why: in a workspace for trials, unless policy says always."""
        policy = self._house.policy
        return policy.access.justification == "production" and policy.environment != "production"

    # who is asking

    def me(self, *, founding: bool = False) -> Principal:
        """Whoever runs this process. Raises NotSignedIn, GrantInvalid for a token or session that is over.

        A workspace that never had an owner belongs to the account that owns it; with `founding` that is written down.
        """
        token = self._environ.get(TOKEN_VARIABLE, "")
        session = self.session
        if not token and session.is_file():
            token = session.read_text(encoding="ascii").strip()
        if token:
            return self.tokens.authenticate(Confidential(token))
        known = self.principals.by_subject(self.machine_subject())
        if known is None and self._owns_workspace() and self.principals.unowned():
            known = self.found() if founding else self._owner_to_be()
        if known is None:
            hint = f"run `sottovoce login`, or set {TOKEN_VARIABLE} to a token of `sottovoce access token create`"
            raise NotSignedIn("this account is nobody the workspace knows", hint=hint)
        return known

    def found(self) -> Principal | None:
        """This account as the owner of a workspace that never had one; None where it has."""
        subject = self.machine_subject()
        return self.principals.bootstrap(subject, provider=MACHINE, name=self.subject(OWNER, subject))

    def _owner_to_be(self) -> Principal:
        """The same by its name, before anything was written."""
        return Principal(
            id=f"{Kind.PERSON.value}_{self.subject(OWNER, self.machine_subject())}",
            kind=Kind.PERSON,
            label=OWNER,
            state=State.ACTIVE,
            roles=frozenset({Role.OWNER}),
            created_ms=0,
            changed_ms=0,
        )

    def require(self, operation: Operation) -> Principal:
        """Whoever runs this process, if it may. A refusal is in the ledger. Raises AccessRefused, AccessSuspended."""
        me = self.me(founding=operation in FOUNDING)
        if me.state is State.SUSPENDED:
            self.unsigned = True
            self.principals.refused(me.id, operation, why="SUSPENDED")
            raise suspended()
        if not me.may(operation):
            self.unsigned = True
            self.principals.refused(me.id, operation, why="NO_ROLE")
            raise AccessRefused(
                f"your roles do not permit {operation.value}", hint="`sottovoce access roles` shows what does"
            )
        if me.created_ms:
            self.principals.note_use(me.id, operation)
        return me

    def subject(self, provider: str, name: str) -> str:
        """What is kept of something somebody signs in with: a keyed digest."""
        return self._house.tokenizer.token(f"login-{provider}", name)

    def machine_subject(self, account: int | None = None) -> str:
        """Of an account of this machine, this process's by default."""
        return self.subject(MACHINE, str(os.geteuid() if account is None else account))

    def oidc(self) -> OidcSignIn:
        """Sign-in with the provider of the policy, for command line and console. PolicyError where there is none."""
        settings = self._house.policy.access.oidc
        if settings is None:
            raise PolicyError("the policy names no identity provider", hint="see access.oidc in docs/policy.md")
        secret = settings.client_secret
        return OidcSignIn(
            issuer=settings.issuer,
            client=Client(
                id=settings.client_id,
                secret=resolve_secret(secret, base=self._house.workspace.root) if secret else None,
                scopes=settings.scopes,
            ),
            clock=self._house.clock,
        )

    def sign_in(self, identity: Identity) -> tuple[Principal, datetime]:
        """The principal behind an identity, with the roles its claims map to today, and a session on this account.

        Raises AccessRefused for whoever has no role, AccessSuspended.
        """
        me, token = self.signed_in(identity)
        self.session.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self.session, token.value.reveal().encode())
        return me, token.expires

    def signed_in(self, identity: Identity) -> tuple[Principal, IssuedToken]:
        """The same without leaving anything here: a console keeps the token itself."""
        if self._owns_workspace():
            self.found()
        settings = self._house.policy.access.oidc
        mapped = settings.roles if settings else {}
        claimed = identity.values(settings.roles_claim) if settings else frozenset()
        roles = {Role(role) for value in claimed for role in mapped.get(value, ())}
        subject = self.subject("oidc", f"{identity.issuer} {identity.subject.reveal()}")
        me = self.principals.sign_in(subject, provider="oidc", roles=roles)
        minutes = settings.session_minutes if settings else 0
        return me, self.tokens.create(me.id, by=me.id, lifetime=timedelta(minutes=minutes))

    def sign_out(self) -> bool:
        """Ends this account's session; False when there was none."""
        if not self.session.is_file():
            return False
        token = self.session.read_text(encoding="ascii").strip()
        self.session.unlink()
        self.tokens.end(Confidential(token))
        return True

    def break_glass(self, principal: str) -> None:
        """The only owner, suspended, lets itself in: by the account that owns the workspace, and loudly (HIPAA
        164.312(a)(2)(ii)). AccessRefused while another owner could.
        """
        me = self.principals.by_subject(self.machine_subject())
        if me is None or me.id != principal or not self._owns_workspace():
            raise AccessRefused("only the account that owns the workspace breaks the glass, for itself")
        self.principals.break_glass(principal)

    def rotate_root_key(self, *, believe_old: bool) -> int:
        """A new key to sign grants with; the ledger says so. Answers its id."""
        me = self.me()
        made = self.root_keys.rotate(believe_old=believe_old)
        facts = {"key": made, "old_believed": believe_old}
        entry = Entry(at=self._house.clock(), actor=me.id, action=Action.GRANT_KEY_ROTATED, facts=facts)
        self._house.ledger.record([entry])
        return made

    @property
    def session(self) -> Path:
        """Where this account keeps its session with this workspace; nobody else can read it."""
        state = self._environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        name = hashlib.sha256(str(self._house.workspace.root.resolve()).encode()).hexdigest()[:24]
        return Path(state) / "sottovoce" / f"session-{name}"

    def _owns_workspace(self) -> bool:
        return self._house.workspace.policy.stat().st_uid == os.geteuid()


class Reader:
    """Whoever is signed in, reading samples through the gate."""

    def __init__(self, desk: AccessDesk) -> None:
        self._desk = desk

    def open(
        self, corpus_id: str, *, purpose: str, justification: Confidential[str] | None = None
    ) -> Confidential[bytes]:
        """One sample in memory. Raises AccessRefused, AccessSuspended, KeyShredded, CustodyError, SealBroken."""
        desk = self._desk
        desk.unsigned = True
        return desk.broker.open_as(
            desk.me(founding=True), corpus_id, purpose=purpose, justification=justification, excused=desk.excused
        )


def _presigner(store: object) -> Presigner | None:
    return store if isinstance(store, Presigner) else None


def _random_id() -> str:
    return uuid.uuid4().hex
