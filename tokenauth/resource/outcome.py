"""What a token is worth here."""

from dataclasses import dataclass

from tokenauth.tokens.claims import AccessClaims


@dataclass(frozen=True, slots=True)
class Accepted:
    """The token counts. `claims` is what it says."""

    claims: AccessClaims

    @property
    def user_key(self) -> str:
        """Whom it speaks for, by the issuer's own key (`sub`)."""
        return self.claims.sub

    def has_scopes(self, *scopes: str) -> bool:
        """Whether it carries all of these."""
        return self.claims.scopes.issuperset(scopes)
