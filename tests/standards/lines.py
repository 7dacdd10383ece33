"""What the standards ask of the app, line by line, in our own words.

A core line must have a test. An advanced or optional one has a test, or says here why it does not hold. A
test is tied to its line by `@pytest.mark.standard(<id>)`; `make conformance` makes docs/conformance.md.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["core", "advanced", "optional"]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is asked. `why_not`: why it does not hold, empty where a test holds it."""

    id: str
    level: Level
    says: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one specification."""

    title: str
    lines: tuple[Line, ...]


NO_PROOF = "Tokens bound to a key of the client (DPoP) come in a later part."
NO_LIMIT_HEADERS = "The headers are a draft; Retry-After says when to come back."

READINGS = (
    (
        "9700-01, 9700-02, 6749-25, ASVS-15",
        "A rotated token is every authentic token but the parent of the newest generation that won. That "
        "parent gets the same answer again within the grace period, since networks lose answers. In exact "
        "families the lines hold to the letter, the same Idempotency-Key apart. One of several means one "
        "generation.",
    ),
    (
        "9068-03, 8725-10",
        "The issuer writes `at+jwt` and nothing else. Other header bytes are refused, the spelling with "
        "`application/` too.",
    ),
    (
        "6749-24, ASVS-01",
        "The fixed beginning of a refresh token is its prefix, its header and its leading claims. 256 random "
        "bits lie in the secret of the family; the id of each token derives from them.",
    ),
    ("7519-06", "Unique over distinct family, generation, branch, scope, audience and key."),
    (
        "6750-05",
        "Body and query are not read, so two methods means two Authorization headers: 400.",
    ),
    ("ASVS-16", "DELETE sessions/{id}/ now; a page for it later."),
    (
        "7009-10",
        "A token of another client is 400 `invalid_grant`, whatever its state, and stays what it was.",
    ),
    (
        "RFC 8414 2",
        "The metadata leaves `response_types_supported` out: there is no authorization endpoint, and "
        "section 3.2 has empty lists omitted.",
    ),
)

GROUPS = (
    Group(
        "RFC 6749: token endpoint and refresh",
        (
            Line("6749-01", "core", "5.1: a success is 200 JSON with token, type and a numeric lifetime"),
            Line("6749-02", "core", "5.1: no answer that holds a token may be cached"),
            Line(
                "6749-03", "core", "5.2: an error is a flat 400 with a registered word and plain ASCII text"
            ),
            Line("6749-04", "core", "5.2: an error is JSON without a token, also for a malformed request"),
            Line(
                "6749-05", "core", "5.2, 6: unknown, expired, revoked and foreign refresh tokens look alike"
            ),
            Line("6749-06", "core", "5.2: a missing parameter is `invalid_request`"),
            Line("6749-07", "core", "5.2: another grant is `unsupported_grant_type`"),
            Line("6749-08", "advanced", "5.2: a client that may not do this is `unauthorized_client`"),
            Line("6749-09", "core", "3.2: a repeated parameter is `invalid_request`"),
            Line("6749-10", "core", "3.2: an empty parameter counts as absent"),
            Line("6749-11", "core", "3.2: an unknown parameter is ignored"),
            Line("6749-12", "core", "3.2: GET issues nothing, and no credentials are read from the query"),
            Line("6749-13", "core", "5.2: a wrong secret by Basic is 401 with a Basic challenge"),
            Line("6749-14", "core", "5.2: a wrong secret in the body is `invalid_client`"),
            Line("6749-15", "advanced", "2.3: a client that authenticates in two ways at once is refused"),
            Line("6749-16", "core", "6: a confidential client without its secret consumes nothing"),
            Line("6749-17", "core", "6: a refresh token in another client's hands gets nothing"),
            Line("6749-18", "core", "6: a scope wider than granted is refused and consumes nothing"),
            Line("6749-19", "core", "6: a narrower scope leaves the next refresh token the whole grant"),
            Line("6749-20", "core", "6: without a scope the granted one counts"),
            Line("6749-21", "advanced", "3.3: the answer says the scope where it is not the one asked for"),
            Line("6749-22", "advanced", "3.3: scopes have case and no order; other characters are refused"),
            Line("6749-23", "optional", "2.3.1: Basic credentials are form-encoded first"),
            Line("6749-24", "core", "10.10: a refresh token cannot be guessed from others"),
            Line("6749-25", "core", "10.4: of several refreshes with one token one makes a generation"),
            Line("6749-26", "advanced", "A failure before the answer leaves the old token usable"),
        ),
    ),
    Group(
        "RFC 9700: best current practice",
        (
            Line("9700-01", "core", "4.14.2: each refresh gives a new token and ends the one before"),
            Line("9700-02", "core", "4.14.2: a rotated token shown again ends the session"),
            Line("9700-03", "core", "4.14.2: it ends that session alone"),
            Line("9700-04", "core", "4.14.2: the session's access tokens end with it"),
            Line("9700-05", "core", "4.14.2: a refresh widens neither scope nor audience"),
            Line("9700-06", "core", "4.14.2: a refresh token not used for the idle period is refused"),
            Line("9700-07", "core", "4.14.2: a new password and a logout end refresh tokens"),
            Line("9700-08", "advanced", "4.14.2: a refresh token with one bit changed touches nothing"),
            Line("9700-09", "advanced", "4.14.2: a token many generations old is theft as well"),
            Line("9700-10", "core", "2.3: an access token for another audience is refused"),
            Line("9700-11", "core", "2.4: no password grant, and none advertised"),
            Line("9700-12", "core", "2.5: clients that have a secret must show it"),
            Line("9700-13", "core", "4.3.2: no access token is read from the query"),
            Line("9700-14", "advanced", "4.10.1: access tokens can be bound to their sender", NO_PROOF),
            Line("9700-15", "advanced", "4.13: headers of proxies count only where a proxy is configured"),
            Line(
                "9700-16",
                "advanced",
                "4.15: no client can pass for a user",
                "There is no client credentials grant: every `sub` is a user's key.",
            ),
            Line(
                "9700-17",
                "optional",
                "2.6: browsers of other origins may call where that is supported",
                "Left to the site's own middleware; the app sends no CORS headers.",
            ),
        ),
    ),
    Group(
        "RFC 6750: bearer tokens",
        (
            Line("6750-01", "core", "3: without credentials 401 with a Bearer challenge"),
            Line("6750-02", "core", "3.1: that challenge names no error"),
            Line("6750-03", "core", "3.1: a token that does not count is 401 `invalid_token`"),
            Line("6750-04", "core", "3.1: a missing scope is 403 and named"),
            Line("6750-05", "core", "3.1: a malformed request, or two credentials, is 400 `invalid_request`"),
            Line("6750-06", "core", "3: a challenge is well-formed and reflects nothing that was sent"),
            Line("6750-07", "core", "2.1: the name of the scheme has no case"),
            Line("6750-08", "core", "2.1: no token, two tokens or odd characters are never a 500"),
            Line("6750-09", "core", "2.2: no token is read from a form body"),
            Line("6750-10", "core", "2.3: no token is read from the query"),
            Line("6750-11", "core", "5: the answer does not tell why a token does not count"),
            Line("6750-12", "advanced", "5.3: an access token lives an hour at most"),
        ),
    ),
    Group(
        "RFC 7009: revocation",
        (
            Line("7009-01", "core", "2.2: a token handed back is 200"),
            Line("7009-02", "core", "2.2: an unknown or dead token is the same 200"),
            Line("7009-03", "core", "2.1: a missing token is `invalid_request`"),
            Line("7009-04", "core", "2.1: it counts at once, in every place"),
            Line("7009-05", "core", "2.1: with the refresh token go its access tokens"),
            Line("7009-06", "advanced", "2.1: an access token ends itself alone, as documented"),
            Line("7009-07", "core", "2.1: a wrong hint still finds the token"),
            Line("7009-08", "core", "2.2: an unknown hint changes nothing"),
            Line("7009-09", "core", "2.1: a client that does not authenticate ends nothing"),
            Line("7009-10", "core", "2.1: no client ends another's token"),
            Line("7009-11", "core", "2.1: a public client needs its name alone"),
            Line(
                "7009-12",
                "advanced",
                "2.2.1: a kind that cannot be revoked is `unsupported_token_type`",
                "There is no such kind: refresh and access tokens can both be handed back.",
            ),
            Line("7009-13", "advanced", "2.2.1: an outage is 503, never a 200 for what still lives"),
            Line("7009-14", "core", "2: refresh and access tokens can both be handed back"),
            Line("7009-15", "core", "2.1: POST alone"),
            Line("7009-16", "optional", "2.3: no JSONP"),
            Line("7009-17", "advanced", "A rotated token that is handed back ends its session too"),
        ),
    ),
    Group(
        "RFC 7662 and RFC 9701: introspection",
        (
            Line("7662-01", "core", "2.1: a caller that does not authenticate gets 401 and learns nothing"),
            Line("7662-02", "core", "2.2: an active token is told with all that applies"),
            Line("7662-03", "core", "2.2: any other is exactly inactive, whatever the reason"),
            Line("7662-04", "core", "2.2: so is a token that is none of the caller's business"),
            Line("7662-05", "core", "2.3: wrong credentials are 401, an inactive token never is"),
            Line("7662-06", "core", "2.1: a wrong hint still finds the token"),
            Line("7662-07", "core", "2.1: a missing token is `invalid_request`"),
            Line("7662-08", "core", "4: times, signature, session, user and client are all asked"),
            Line("7662-09", "advanced", "4: GET is refused and its token not logged"),
            Line("7662-10", "advanced", "4: only resource servers may ask, and only so often"),
            Line("7662-11", "advanced", "2.2: a server sees what concerns itself"),
            Line("7662-12", "core", "4: no answer is cached"),
            Line("7662-13", "core", "Rotated refresh tokens, and what a theft ended, are inactive"),
            Line("7662-14", "core", "The name of a public client opens nothing"),
            *(
                Line(id_, "advanced", says)
                for id_, says in (
                    ("9701-01", "4, 5: a caller may ask for a signed answer"),
                    ("9701-02", "5: it has a type of its own and a published key"),
                    ("9701-03", "5: it names issuer, caller, time and the answer"),
                    ("9701-04", "5: it has neither subject nor expiry of its own"),
                    ("9701-05", "5: inactive is exactly inactive there too"),
                    ("9701-06", "8.1: it is no access token"),
                )
            ),
            Line("9701-07", "optional", "7: the metadata lists its algorithms"),
        ),
    ),
    Group(
        "RFC 7515, RFC 7519 and RFC 8725: JSON Web Tokens",
        (
            Line("7519-01", "core", "4.1.4: no token counts past its expiry and a small leeway"),
            Line("7519-02", "core", "4.1.5: none counts before its time"),
            Line("7519-03", "core", "4.1.3: an audience is a string or a list and must name this server"),
            Line("7519-04", "core", "4: a claim that stands twice is one thing to all readers"),
            Line("7519-05", "core", "2: a time that is no number is refused and no 500"),
            Line("7519-06", "core", "4.1.7: the id of a token is unique"),
            Line("7515-01", "core", "4.1.11: an unknown critical header is refused"),
            Line("7515-02", "core", "2: strict base64url without padding or blanks"),
            Line("8725-01", "core", "3.1: only the configured algorithms, to the letter"),
            Line("8725-02", "core", "3.1: the algorithm is the one of the key"),
            Line("8725-03", "core", "3.2: no unsigned token"),
            Line("8725-04", "core", "3.3: no encrypted token where a signed one is due"),
            Line("8725-05", "core", "3.5: no weak symmetric key"),
            Line("8725-06", "core", "3.7: UTF-8 and nothing else"),
            Line("8725-07", "core", "3.8: the key is the issuer's, and the subject exists"),
            Line("8725-08", "core", "3.9: no token without an audience of ours"),
            Line(
                "8725-09", "core", "3.10: a key id is hostile input; no key is fetched or taken from a token"
            ),
            Line("8725-10", "core", "3.11: each kind of token has its own type"),
            Line("8725-11", "core", "3.12: no kind of token counts in another's place"),
            Line("8725-12", "advanced", "Update, 3.14: no JSON serialisation"),
            Line("8725-13", "advanced", "Update, 3.13, 3.15: what is decompressed or iterated is bounded"),
        ),
    ),
    Group(
        "RFC 9068: JWT access tokens",
        (
            Line("9068-01", "core", "2.1: the type is `at+jwt`, and it is signed"),
            Line("9068-02", "core", "2.2: the required claims are there"),
            Line("9068-03", "core", "4: another type is refused"),
            Line("9068-04", "core", "4: the issuer is compared exactly"),
            Line("9068-05", "core", "4: the audience must name this server"),
            Line("9068-06", "core", "4: the signature is by a key of the issuer"),
            Line("9068-07", "core", "4: any failure is 401 `invalid_token`"),
            Line("9068-08", "advanced", "2.1: RS256 is among the algorithms"),
            Line("9068-09", "advanced", "2.2.1: a refresh is no authentication"),
            Line("9068-10", "advanced", "2.2.3: a granted scope stands in the token"),
            Line("9068-11", "advanced", "3: the audience is the resource asked for, or a default"),
            Line("9068-12", "advanced", "6: no name and no mail address in a token"),
        ),
    ),
    Group(
        "RFC 7517, RFC 7638 and RFC 8414: keys and metadata",
        (
            Line("7517-01", "core", "5: the keys are public JSON"),
            Line("7517-02", "core", "9.2: no private or symmetric part of a key is in it"),
            Line("7517-03", "core", "4.5: key ids are distinct, and every living token's is there"),
            Line("7517-04", "core", "4.2: use and algorithm are said"),
            Line(
                "7517-05", "core", "A key is published before its first use and until its last token expired"
            ),
            Line("7517-06", "core", "A key taken out in an emergency ends its tokens within the bound"),
            Line("7517-07", "advanced", "Cacheable for a bounded time, with conditional requests"),
            Line(
                "7517-08",
                "advanced",
                "5: unknown kinds of keys are ignored",
                "The app reads no key set: its keys come from its own database.",
            ),
            Line("7638-01", "advanced", "3: a key id is the thumbprint of its key"),
            Line("7638-02", "advanced", "3.2: over the required members alone"),
            Line("8414-01", "core", "3: the metadata stands between host and path of the issuer"),
            Line("8414-02", "core", "3.3: its issuer is the one in the tokens"),
            Line("8414-03", "core", "3.2: 200 JSON, empty lists left out"),
            Line("8414-04", "core", "2: each endpoint it names is absolute and answers"),
            Line("8414-05", "advanced", "2: the ways to authenticate are the ones the endpoints take"),
            Line("8414-06", "advanced", "It follows no Host header of an attacker"),
            Line("8414-07", "advanced", "2: extensions are listed only where they are supported"),
        ),
    ),
    Group(
        "OWASP ASVS 5.0",
        (
            Line("ASVS-01", "core", "7.2.3: refresh tokens are unique and cannot be guessed"),
            Line("ASVS-02", "core", "7.2.4: a new login gives new tokens and ends the old ones"),
            Line("ASVS-03", "core", "7.3.1: a session ends when it is not used"),
            Line("ASVS-04", "core", "7.3.2, 10.4.8: a session ends however often it refreshes"),
            Line("ASVS-05", "core", "7.4.1: after a logout no token of it counts"),
            Line("ASVS-06", "core", "7.4.2: a user who is disabled or deleted has no session"),
            Line("ASVS-07", "core", "7.4.3: a new password can end all other sessions"),
            Line("ASVS-08", "core", "7.4.5: an operator can end one user's sessions or everybody's"),
            Line("ASVS-09", "core", "7.5.2: a user sees and ends sessions, with his password again"),
            Line("ASVS-10", "advanced", "7.1.2: sessions at once are limited, as documented"),
            Line("ASVS-11", "advanced", "7.5.1, 7.5.3: what is sensitive needs a recent login"),
            Line("ASVS-12", "core", "9.1.1 to 9.1.3: signature, algorithm and source of keys are pinned"),
            Line("ASVS-13", "core", "9.2.1 to 9.2.3: time, kind and audience of a token are checked"),
            Line("ASVS-14", "advanced", "9.2.4: one key for many audiences confuses none of them"),
            Line("ASVS-15", "core", "10.4.5: a used refresh token shown again ends its session"),
            Line("ASVS-16", "core", "10.4.9: a user can end what a refresh token stands for"),
            Line("ASVS-17", "core", "10.4.10: confidential clients authenticate for tokens and revocation"),
            Line(
                "ASVS-18",
                "advanced",
                "10.4.11: least scopes for each client (10.4.16, keys in place of secrets, is not offered)",
            ),
            Line("ASVS-19", "core", "10.3.3: a user is his issuer and subject, never a name"),
            Line("ASVS-20", "core", "8.2: nobody sees or ends another's session"),
        ),
    ),
    Group(
        "NIST SP 800-63B-4",
        (
            Line("NIST-01", "advanced", "2.1.3: at AAL1 a session lasts 30 days at most"),
            Line("NIST-02", "advanced", "2.2.3: at AAL2 24 hours, and one hour unused"),
            Line("NIST-03", "advanced", "2.3.3: at AAL3 12 hours, and 15 minutes unused"),
            Line("NIST-04", "core", "5.2: past either limit the session has ended"),
            Line("NIST-05", "core", "5.2: use renews the one limit, a new login alone renews both"),
            Line("NIST-06", "advanced", "5.1: sessions bound to a key obey the limits too", NO_PROOF),
            Line("NIST-07", "advanced", "5.1: no refresh raises the level of a session"),
            Line(
                "NIST-08",
                "advanced",
                "5.1.1: a token in a cookie is guarded by its attributes",
                "Tokens travel in bodies; cookies come in a later part.",
            ),
            Line("NIST-09", "advanced", "3.2.2: 100 failures at most, and a success forgets them"),
        ),
    ),
    Group(
        "RFC 6585, RFC 9110 and the draft on rate limit headers",
        (
            Line("RL-01", "core", "6585 4: too often is 429, says when to come back, and is in no cache"),
            Line("RL-02", "core", "9110 10.2.3: Retry-After is whole seconds"),
            Line("RL-03", "advanced", "Draft 3: RateLimit-Policy tells the limit", NO_LIMIT_HEADERS),
            Line("RL-04", "advanced", "Draft 4: RateLimit tells what is left", NO_LIMIT_HEADERS),
            Line("RL-05", "advanced", "Draft 6: Retry-After agrees with them", NO_LIMIT_HEADERS),
            Line(
                "RL-06",
                "optional",
                "Draft 5.1: the body is a problem document",
                "The body is the flat error object of RFC 6749 5.2, as everywhere.",
            ),
            Line("RL-07", "core", "No header, spelling or client has a count of its own"),
            Line("RL-08", "core", "What was refused consumes nothing, and keeps nobody else out"),
        ),
    ),
)

BY_ID = {line.id: line for group in GROUPS for line in group.lines}
