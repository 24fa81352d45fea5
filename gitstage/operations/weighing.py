"""What each piece of evidence about a version counts for now, by whom it is signed, and why it does not count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from gitstage.approvals import SETTLE, WAIVER, Binding, PolicySaid, Said, read_said, unfit
from gitstage.canonical import DocumentError
from gitstage.changes import Snapshot
from gitstage.envelopes import holds_bundle, known_as
from gitstage.errors import CannotVerify, GitstageError
from gitstage.evidence import Statement, deciding, predicate_type, read_statement
from gitstage.layout import Slot, version_path
from gitstage.manifest import read_tombstone, read_version
from gitstage.operations.signers import bundles, verifier
from gitstage.people import why_nobody
from gitstage.policy import EvidenceRule, Policy
from gitstage.trust import trusted_root
from gitstage.values import dataclass

if TYPE_CHECKING:
    from gitstage.operations.registries import Registry


@dataclass(frozen=True, kw_only=True)
class Signer:
    """One good signature: by what, by whom (None: by nobody in the policy), and whether that is valid now.

    `key` is the fingerprint of a public key, or `IDENTITY (ISSUER)` of who signed with Sigstore.
    """

    key: str
    person: str | None
    valid: bool

    def __str__(self) -> str:
        if self.person is None:
            return self.key
        what = "identity" if self.key.endswith(")") else "key"
        return self.person if self.valid else f"{self.person} ({what} not valid now)"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A file of evidence: its path, its name and number, and what it holds."""

    path: str
    name: str
    number: int
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A piece of evidence, who signed it, whether it counts for anything now, and for what or why not.

    `statement` is None where it cannot be read.
    """

    piece: Piece
    statement: Statement | None
    signers: tuple[Signer, ...]
    counts: bool
    why: str


def weighed(
    registry: Registry, snapshot: Snapshot, model: str, version: str, pieces: Sequence[Piece]
) -> tuple[Weighed, ...]:
    """Each piece of evidence of a version, as it counts at `registry.now` under the policy in effect."""
    return tuple(_Scales(registry, snapshot, model, version, pieces).weighed())


class _Scales:
    def __init__(
        self, registry: Registry, snapshot: Snapshot, model: str, version: str, pieces: Sequence[Piece]
    ) -> None:
        self.registry = registry
        self.model, self.version, self.now = model, version, registry.now
        self.pieces = pieces
        self.policy, commit = _policy(registry, snapshot)
        self.commit = commit or registry.tip or registry.head
        self.verifier = verifier()
        self.keys: dict[str, frozenset[str]] = {}
        self.reasons: dict[str, str] = {}
        self.unknown: dict[str, CannotVerify] = {}
        self.known: dict[tuple[str, str, frozenset[str] | None], int | None] = {}
        entry = snapshot.entry(version_path(model, version))
        manifest = b"" if entry is None else snapshot.read(entry.oid)
        self.snapshot = snapshot
        self.digest = hashlib.sha256(manifest).hexdigest()
        self.artifacts = _artifacts(manifest)
        self.statements = {piece.path: statement for piece in pieces if (statement := _read(piece.data)) is not None}

    def weighed(self) -> Iterator[Weighed]:
        self._learn()
        for piece in self.pieces:
            signers: tuple[Signer, ...] = ()
            missing = self.unknown.get(piece.path)
            if missing is None:
                signers = tuple(self._signers(piece))
                counts, why = self._verdict(piece, signers)
                why += self.reasons.get(piece.path, "")
            else:
                counts, why = False, f"its signatures cannot be verified: {missing.message}"
            statement = self.statements.get(piece.path)
            yield Weighed(piece=piece, statement=statement, signers=signers, counts=counts, why=why)

    def _learn(self) -> None:
        """Finds out who signed what, and of what that cannot be told, and why."""
        of_sigstore = [piece for piece in self.pieces if holds_bundle(piece.data)]
        others = [piece for piece in self.pieces if piece not in of_sigstore]
        try:
            self.verifier.learn([piece.data for piece in others])
            self.keys = {piece.path: self.verifier.signed_by(piece.data) for piece in others}
        except CannotVerify as error:
            self.unknown = {piece.path: error for piece in others if b'"payloadType"' in piece.data}
        for piece in of_sigstore:
            try:
                self.keys[piece.path], self.reasons[piece.path] = self._vouched_for(piece.data)
            except CannotVerify as error:
                self.unknown[piece.path] = error

    def _vouched_for(self, data: bytes) -> tuple[frozenset[str], str]:
        """Who signed a Sigstore bundle, and what to say of one that nobody signed."""
        if self.policy is None or self.policy.sigstore is None or self.commit is None:
            return frozenset(), " (a Sigstore bundle, and gitstage.yaml has no sigstore)"
        root = trusted_root(self.policy.sigstore, self.registry.repo.tree(self.commit))
        found = bundles().vouched_for(data, root)
        return found, "" if found else f" (its Sigstore bundle is not good: {bundles().why_not(data, root)})"

    def _signers(self, piece: Piece) -> Iterator[Signer]:
        for key in sorted(self.keys.get(piece.path, ())):
            known = None if self.policy is None else self.policy.keys.get(key)
            person, valid = (None, False) if known is None else (known[0], known[1].is_valid(self.now))
            yield Signer(key=known_as(key), person=person, valid=valid)

    def _verdict(self, piece: Piece, signers: Sequence[Signer]) -> tuple[bool, str]:
        statement = self.statements.get(piece.path)
        if statement is None:
            gone = read_tombstone(piece.data)
            return False, "cannot be read" if gone is None else f"was redacted: {gone.reason}"
        try:
            said = read_said(piece.data)
        except DocumentError as error:
            return False, error.problems[0].message
        if isinstance(said, PolicySaid):
            return False, "approves a policy, and lies beside a version"
        if said is not None:
            return self._said(piece, said, signers)
        return self._tested(piece, statement, signers)

    # what people say

    def _said(self, piece: Piece, said: Said, signers: Sequence[Signer]) -> tuple[bool, str]:
        policy, stage = self.policy, said.about.stage
        if policy is None:
            return False, f"no policy says who may say this of {stage}"
        if stage not in policy.stages:
            return False, f"there is no stage {stage}"
        slot = Slot(self.model, stage)
        effects = self.registry.past.effects(slot)
        why = unfit(said, self._about(policy, slot), self.now)
        was = effects[said.about.change] if said.about.change < len(effects) else None
        if was is not None and was.after == self.version and said.kind != SETTLE:
            return False, f"was for {was.name}, which has taken effect"
        if why is not None and (was is None or was.after != self.version):
            return False, why
        people = frozenset(signer.person for signer in signers if signer.person is not None and signer.valid)
        if not people:
            return False, why_nobody(policy, self.keys.get(piece.path, ()), self.now)
        if said.kind == WAIVER:
            rule = policy.stages[stage].waivers
            if rule is None or not people & frozenset(policy.people_named(*rule.by, model=self.model)):
                return False, f"{_and(people)} may waive nothing in {stage}"
            return True, f"waives {said.rule} for {stage}"
        if said.kind == SETTLE:
            return was is not None, f"countersigns {stage if was is None else was.name}"
        return True, f"approves the next change of {stage}"

    def _about(self, policy: Policy, slot: Slot) -> Binding:
        """The next change of a slot to this version, as people sign it."""
        effects = self.registry.past.effects(slot)
        blob = effects[-1].after_blob if effects else None
        return Binding(
            registry=policy.id,
            model=self.model,
            version=self.version,
            manifest=self.digest,
            stage=slot.stage,
            incumbent=None if blob is None else hashlib.sha256(self.snapshot.read(blob)).hexdigest(),
            change=len(effects),
        )

    # what was tested

    def _tested(self, piece: Piece, statement: Statement, signers: Sequence[Signer]) -> tuple[bool, str]:
        if not statement.is_about(self.digest, self.artifacts):
            return False, "is about something else"
        if statement.made is not None and statement.made > self.now:
            return False, "is dated in the future"
        rules = [
            (gate, rule)
            for gate, rule in self._rules(piece.name)
            if statement.predicate_type == predicate_type(rule.type)
        ]
        if not rules:
            decides = self._deciding(piece.name, statement.predicate_type)
            return (True, "decides") if decides == piece.number else (False, f"outranked by {decides}.json")
        verdicts = [self._for(gate, rule, piece, signers) for gate, rule in rules]
        return any(counts for counts, _ in verdicts), "; ".join(dict.fromkeys(why for _, why in verdicts))

    def _for(self, gate: str, rule: EvidenceRule, piece: Piece, signers: Sequence[Signer]) -> tuple[bool, str]:
        """Whether a statement decides for a rule of a gate."""
        wanted = self._wanted(rule)
        if wanted is not None and not wanted & {signer.person for signer in signers if signer.valid}:
            return False, f"not signed by {rule.signed_by}, as {gate} asks"
        decides = self._deciding(piece.name, predicate_type(rule.type), wanted)
        if decides != piece.number:
            return False, f"outranked by {decides}.json"
        return True, f"decides for {gate}"

    def _wanted(self, rule: EvidenceRule) -> frozenset[str] | None:
        """The people of whom one has to have signed; None where nobody has to."""
        if rule.signed_by is None or self.policy is None:
            return None
        return frozenset(self.policy.people_named(rule.signed_by, model=self.model))

    def _deciding(self, name: str, kind: str, wanted: frozenset[str] | None = None) -> int | None:
        """The number that decides among the statements of a name and a kind, of which some people signed each."""
        if (name, kind, wanted) not in self.known:
            self.known[name, kind, wanted] = self._ranked(name, kind, wanted)
        return self.known[name, kind, wanted]

    def _ranked(self, name: str, kind: str, wanted: frozenset[str] | None) -> int | None:
        numbered = [
            (piece.number, statement)
            for piece in self.pieces
            if piece.name == name
            and piece.number
            and (statement := self.statements.get(piece.path)) is not None
            and statement.predicate_type == kind
            and (wanted is None or wanted & {one.person for one in self._signers(piece) if one.valid})
        ]
        found = deciding(numbered, digest=self.digest, now=self.now, artifacts=self.artifacts)
        return None if found is None else found[0]

    def _rules(self, name: str) -> Iterator[tuple[str, EvidenceRule]]:
        """The rules of gates that ask for evidence of a name, each gate once."""
        if self.policy is None:
            return
        policy, model = self.policy, self.model
        gates = dict(found for stage in policy.stages for found in policy.gates_for(model, stage))
        for gate, asked in gates.items():
            for rule in asked.evidence:
                if rule.name == name:
                    yield gate, rule


def _policy(registry: Registry, snapshot: Snapshot) -> tuple[Policy | None, str | None]:
    """The policy in effect, and the commit at which it took effect.

    Where the ledger cannot be asked, the one that a tree declares; none where that cannot be read.
    """
    found: object = None
    world, commit = registry.world(), None
    with suppress(GitstageError):
        commit = registry.state_here.policy
        found = None if commit is None else world.policy_in(world.registry(commit))
    if not isinstance(found, Policy):
        found, commit = world.policy_in(snapshot), None
    return (found, commit) if isinstance(found, Policy) else (None, None)


def _read(data: bytes) -> Statement | None:
    try:
        return read_statement(data)
    except DocumentError:
        return None


def _artifacts(manifest: bytes) -> frozenset[str]:
    try:
        return frozenset(artifact.sha256 for artifact in read_version(manifest).artifacts)
    except DocumentError:
        return frozenset()


def _and(people: Iterable[str]) -> str:
    return " and ".join(sorted(people))
