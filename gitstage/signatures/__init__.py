"""SSH signatures, made and verified by OpenSSH's ssh-keygen; this room has never heard of models, stages or git."""

from __future__ import annotations

from gitstage.signatures.signing import sign, sign_envelope
from gitstage.signatures.verifying import Verifier

__all__ = ["Verifier", "sign", "sign_envelope"]
