"""Events that come in, and what is judged of calls."""

from __future__ import annotations

from sottovoce.errors.root import SottovoceError


class IntakeError(SottovoceError):
    code = "E_INTAKE"
    exit_code = 15


class SignatureRefused(IntakeError):
    code = "E_SIGNATURE"


class EventRefused(IntakeError):
    code = "E_EVENT"


class IntakeBusy(IntakeError):
    code = "E_INTAKE_BUSY"
    retryable = True


class QueueUnavailable(IntakeError):
    code = "E_QUEUE_UNAVAILABLE"
    retryable = True


class QueueRefused(QueueUnavailable):
    code = "E_QUEUE_REFUSED"
    retryable = False


class ComplianceError(SottovoceError):
    code = "E_COMPLIANCE"
    exit_code = 16


class VerdictRefused(ComplianceError):
    code = "E_VERDICT"


class VerdictPending(ComplianceError):
    code = "E_VERDICT_PENDING"
    retryable = True


class VerdictLate(ComplianceError):
    code = "E_VERDICT_LATE"


class JudgeRefused(ComplianceError):
    code = "E_JUDGE_REFUSED"


class JudgeUnavailable(ComplianceError):
    code = "E_JUDGE_UNAVAILABLE"
    retryable = True
