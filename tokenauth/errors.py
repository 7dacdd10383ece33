"""Every cause for which tokenauth refuses, and the public word each is answered with."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.core.exceptions import PermissionDenied


class Cause(StrEnum):
    """Why something was refused or ended. For the log and the trail, never for the answer."""

    MALFORMED = "malformed"
    REPEATED_PARAMETER = "repeated_parameter"
    MISSING_KEY = "missing_key"
    GRANT_TYPE = "grant_type"

    CLIENT_UNKNOWN = "client_unknown"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - a cause, not a secret
    CLIENT_DISABLED = "client_disabled"
    NOT_FIRST_PARTY = "not_first_party"

    CREDENTIALS = "credentials"
    INACTIVE = "inactive"
    LOCKED = "locked"

    SIGNATURE = "signature"
    UNKNOWN_FAMILY = "unknown_family"
    JTI = "jti"
    ENDED = "ended"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    CAPPED = "capped"
    REVOKED = "revoked"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_GONE = "account_gone"
    DEVICE_OFFLINE = "device_offline"
    ABSOLUTE = "absolute"
    EXPIRED_PARENT = "expired_parent"
    EXPIRED = "expired"
    BINDING = "binding"
    PROOF = "proof"
    REUSE = "reuse"
    BRANCHES_FULL = "branches_full"
    BEHIND = "behind"

    SCOPE = "scope"
    AUDIENCE = "audience"
    CHALLENGE = "challenge"

    NOT_OWN = "not_own"
    OLD_LOGIN = "old_login"

    THROTTLED = "throttled"
    BUSY = "busy"
    LATE = "late"
    STALE_MIRROR = "stale_mirror"
    OVERLOADED = "overloaded"


class PublicError(StrEnum):
    """The `error` member of an answer (RFC 6749 5.2, RFC 8707 2, RFC 9470 3)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INTERACTION_REQUIRED = "interaction_required"
    INSUFFICIENT_USER_AUTHENTICATION = "insufficient_user_authentication"
    NOT_FOUND = "not_found"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"


#: What is not listed here is `invalid_grant`: a new cause never tells more by accident.
PUBLIC_ERROR: dict[Cause, PublicError] = {
    Cause.MALFORMED: PublicError.INVALID_REQUEST,
    Cause.REPEATED_PARAMETER: PublicError.INVALID_REQUEST,
    Cause.MISSING_KEY: PublicError.INVALID_REQUEST,
    Cause.GRANT_TYPE: PublicError.UNSUPPORTED_GRANT_TYPE,
    Cause.CLIENT_UNKNOWN: PublicError.INVALID_CLIENT,
    Cause.CLIENT_SECRET: PublicError.INVALID_CLIENT,
    Cause.CLIENT_DISABLED: PublicError.INVALID_CLIENT,
    Cause.NOT_FIRST_PARTY: PublicError.UNAUTHORIZED_CLIENT,
    Cause.SCOPE: PublicError.INVALID_SCOPE,
    Cause.AUDIENCE: PublicError.INVALID_TARGET,
    Cause.CHALLENGE: PublicError.INTERACTION_REQUIRED,
    Cause.NOT_OWN: PublicError.NOT_FOUND,
    Cause.OLD_LOGIN: PublicError.INSUFFICIENT_USER_AUTHENTICATION,
    Cause.THROTTLED: PublicError.TEMPORARILY_UNAVAILABLE,
    Cause.BUSY: PublicError.TEMPORARILY_UNAVAILABLE,
    Cause.LATE: PublicError.TEMPORARILY_UNAVAILABLE,
    Cause.STALE_MIRROR: PublicError.TEMPORARILY_UNAVAILABLE,
    Cause.OVERLOADED: PublicError.TEMPORARILY_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller does not get what was asked. `cause` is for the log, never for the answer."""

    cause: Cause
    family_id: UUID | None = None
    #: Seconds after which the same request may be sent again; None where that cannot help.
    retry_after: int | None = None

    @property
    def error(self) -> PublicError:
        """The public word, RFC 6749 5.2."""
        return PUBLIC_ERROR.get(self.cause, PublicError.INVALID_GRANT)

    @property
    def is_throttled(self) -> bool:
        """Whether the caller asked too often, not the service too little."""
        return self.cause is Cause.THROTTLED


class TokenAuthError(Exception):
    """Base of what only a programmer or an operator can cause; never of a refusal."""


class NoUsableKey(TokenAuthError):
    """No wrapping key opens a stored key.

    Put the key that sealed it back into `TOKENAUTH["ENCRYPTION_KEYS"]` (after the new one), or undo
    the change of SECRET_KEY by listing the old one in SECRET_KEY_FALLBACKS, then run
    `manage.py tokenauth_keys rewrap`.
    """


class NotAsContextManager(TokenAuthError):
    """`flows.keep(...)` was called without `with`: nothing would have been kept.

    Write `with flows.keep(request, user) as kept: ...` around the password change.
    """


class SessionEnded(PermissionDenied, TokenAuthError):
    """The session that asked `flows.keep` to be kept has ended: the change around it must not happen.

    Nothing to mend: the caller's token was revoked a moment ago, the next request says 401.
    """


class UnknownPolicy(TokenAuthError):
    """A client names a policy that neither REFERENCE nor `TOKENAUTH["POLICIES"]` has."""
