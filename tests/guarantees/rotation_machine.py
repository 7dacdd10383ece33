"""
Owner and thief playing against the real flow on the real database.

The model of `rotation_model` runs beside it: after each presentation answer and row must be the ones
that the model comes to, and the promises are held against every step. What the model proved for every
play, it thereby proves for this flow, as far as the two are the same; that is what is tested here.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.factories import ClientFactory
from tests.guarantees.rotation_model.game import Game, Step
from tests.guarantees.rotation_model.moves import Holder, Shows
from tests.guarantees.rotation_model.promises import broken_by
from tests.guarantees.rotation_model.row import Row, Token, answered
from tests.guarantees.rotation_model.rules import Rules
from tests.guarantees.rotation_model.world import World
from tests.sessions import known, log_in, why_refused
from tokenauth import conf
from tokenauth.errors import Cause, Refused
from tokenauth.flows.asked import Asked
from tokenauth.flows.outcomes import Repeated, Rotated, Sibling
from tokenauth.flows.rotate import Outcome, rotate
from tokenauth.models import RevocationOrder, TokenFamily
from tokenauth.policy.decisions import Advance, Branch, Refuse, Repeat, Theft, Verdict
from tokenauth.tokens import refresh
from tokenauth.tokens.keyring import KEYRING
from tokenauth.tokens.refresh import RefreshClaims

WINDOW, OVERLAPS = 10, 3
IDLE, ABSOLUTE = 3_600, 20_000
_PLAYED = {
    "base": "browser",
    "grace": WINDOW,
    "overlaps": OVERLAPS,
    "idle": IDLE,
    "absolute": ABSOLUTE,
    "supersede": "never",
}
#: For `TOKENAUTH["POLICIES"]`.
POLICIES = {"played": _PLAYED, "played-exact": {**_PLAYED, "repeat": "exact"}}
SECONDS = st.sampled_from([1, WINDOW, WINDOW + 1, 60, 300, IDLE - 1])
PLAYED = Rules(window=WINDOW, overlaps=OVERLAPS, most_branches=255)
OUTCOMES: dict[type, type] = {Advance: Rotated, Repeat: Repeated, Branch: Sibling}


class RotationMachine(RuleBasedStateMachine):
    """One family after the other, each from its login to its end; subclasses say on which terms."""

    terms: ClassVar[Rules]
    tally: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(datetime(2026, 11, 1, 12, tzinfo=UTC), tick=False)
        self.traveller = self.clock.start()
        self.game = Game(self.terms)
        self.tally["plays"] += 1
        self.begin()

    def begin(self) -> None:
        RevocationOrder.objects.all().delete()  # the tests' mirror loads them all at each check
        self.session = log_in(client=ClientFactory(policy="played-exact" if self.terms.exact else "played"))
        self.client = known(self.session.client)
        self.row_has_moved()
        self.world: World | None = self.game.start()
        self.strings: dict[Token, str] = {(0, 0): self.session.pair.refresh_token}
        self.access_tokens = [self.session.pair.access_token]
        #: Answers that have not arrived: (the token that was sent, the answer).
        self.late: list[tuple[Token, Token]] = []
        self.fresh_keys = 0
        self.tally["families"] += 1

    def teardown(self) -> None:
        self.clock.stop()

    # The owner: any number of processes over one store.

    @precondition(lambda self: self.lives())
    @rule(data=st.data(), fate=st.sampled_from(["saved", "saved", "late", "lost"]))
    def owner_refreshes(self, data: st.DataObject, fate: str) -> None:
        self.owner_sends(self.world.owner.store, self.owner_key(data), fate)

    @precondition(lambda self: self.lives())
    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 1, WINDOW, WINDOW + 1]))
    def two_processes_refresh_with_the_same_token(self, data: st.DataObject, seconds: int) -> None:
        store = self.world.owner.store
        self.owner_sends(store, self.owner_key(data), "late")
        self.pass_time(seconds)
        if self.lives():
            self.owner_sends(store, self.owner_key(data), data.draw(st.sampled_from(["saved", "late"])))

    @precondition(lambda self: self.lives() and self.world.owner.former is not None)
    @rule(data=st.data())
    def a_late_request_with_the_former_token_arrives(self, data: st.DataObject) -> None:
        self.owner_sends(self.world.owner.former, self.owner_key(data), "late")

    @precondition(lambda self: self.lives() and self.late)
    @rule(data=st.data())
    def a_late_answer_arrives(self, data: st.DataObject) -> None:
        arrived = data.draw(st.sampled_from(self.late), label="(sent, answer)")
        self.late.remove(arrived)
        self.arrives(*arrived)

    @precondition(lambda self: self.lives())
    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.pass_time(seconds)

    @precondition(lambda self: not self.lives())
    @rule()
    def after_its_end_only_a_login_helps(self) -> None:
        for string in self.strings.values():
            assert isinstance(self.show(string), Refused)
        self.begin()

    # The steps that the rules are made of.

    def lives(self) -> bool:
        return self.world is not None

    def owner_key(self, data: st.DataObject) -> str | None:
        return data.draw(st.sampled_from(self.terms.owner_keys), label="the owner's key")

    def owner_sends(self, token: Token, key: str | None, fate: str) -> None:
        answer = self.present("owner", token, key)
        if answer is not None and fate == "saved":
            self.arrives(token, answer)
        elif answer is not None and fate == "late":
            self.late.append((token, answer))

    def arrives(self, sent: Token, answer: Token) -> None:
        """Compare and set: an answer to anything but what the store holds is dropped."""
        owner = self.world.owner
        if sent == owner.store:
            self.world = self.world._replace(owner=owner.saves(answer))

    def pass_time(self, seconds: int) -> None:
        self.traveller.shift(timedelta(seconds=seconds))
        if self.world is not None:
            row = self.world.row
            self.world = self.world._replace(row=row._replace(age=row.age + seconds))

    def present(self, who: Holder, token: Token, key: str | None) -> Token | None:
        """Show a token to the real flow; return the refresh token of its answer."""
        if self.is_too_old_for(token):
            self.family_is_over(token)
            return None
        shows = Shows(who, token, key, expired=self.has_expired(token), can_repeat=True)
        before = self.world
        verdict = self.game.verdict(before.row, shows)

        outcome = self.show(self.strings[token], key=self.real_key(token, key))

        self.tally["presentations"] += 1
        if who == "owner" and not before.score.ever_began and isinstance(outcome, Refused):
            assert shows.expired, f"an owner alone was refused: {outcome}"
        answer = self.answer_is_the_models(outcome, verdict, answered(before.row, verdict))
        after = self.game.after(before, shows, verdict)
        broken = broken_by(before, Step(shows, verdict, after), self.terms)
        assert broken is None, broken
        self.world = after
        if after is None:
            self.family_has_died()
        else:
            self.row_is_the_models(after.row)
            self.measure(after)
        return answer

    def answer_is_the_models(
        self, outcome: Outcome, verdict: Verdict, expected: Token | None
    ) -> Token | None:
        match verdict:
            case Theft():
                assert outcome == Refused(Cause.REUSE, self.session.family_id)
                return None
            case Refuse(cause):
                assert outcome == Refused(cause, self.session.family_id)
                return None
        assert type(outcome) is OUTCOMES[type(verdict)]
        answer = self.taken_in(outcome.pair.refresh_token)
        assert answer == expected
        self.access_tokens.append(outcome.pair.access_token)
        return answer

    def taken_in(self, string: str) -> Token:
        claims = self.claims(string)
        token = claims.generation, claims.branch
        # a failover takes the times of a former answer with it, and an equal one has others
        assert self.terms.lag or self.strings.setdefault(token, string) == string
        self.strings[token] = string
        return token

    def row_is_the_models(self, row: Row) -> None:
        family = self.row_has_moved()
        assert (family.generation, family.branches, family.won) == (row.generation, row.branches, row.won)
        assert (family.overlapped, family.attempt is None) == (row.overlapped, row.attempt is None)
        # the model stops counting where no comparison tells any more
        assert min(family.overlap_run, OVERLAPS) == row.overlap_run
        assert family.rotated_at == self.now() - timedelta(seconds=row.age)
        assert family.revoked_at is None

    def family_has_died(self) -> None:
        self.tally["families that died of theft"] += 1
        assert self.row_has_moved().cause == Cause.REUSE
        for string in self.strings.values():
            assert self.show(string) == Refused(Cause.REUSE, self.session.family_id)
        for access_token in self.access_tokens:
            assert why_refused(access_token) is not None

    def family_is_over(self, token: Token) -> None:
        """Idle for too long, or at its absolute end: refused, and never theft."""
        outcome = self.show(self.strings[token])
        assert isinstance(outcome, Refused)
        assert outcome.cause in {Cause.DEVICE_OFFLINE, Cause.ABSOLUTE}
        # a failover takes the family's newer end with it
        assert self.has_expired(token) or self.terms.lag
        if any(self.is_newer(other) and not self.has_expired(other) for other in self.strings):
            return  # that one takes the family along
        self.tally["families that ended by their age"] += 1
        self.world = None

    def is_too_old_for(self, token: Token) -> bool:
        """By the row's end, but where the token is newer than the row: its own expiry counts (line 7)."""
        return self.now() >= (self.absolute_end if self.is_newer(token) else self.offline_at)

    def is_newer(self, token: Token) -> bool:
        return token >= (self.world.row.generation, self.world.row.branches)

    def row_has_moved(self) -> TokenFamily:
        family = self.session.family
        self.offline_at, self.absolute_end = family.refresh_expires_at, family.absolute_expires_at
        return family

    def show(self, string: str, key: str | None = None) -> Outcome:
        return rotate(string, asked=Asked(client=self.client, key=key))

    def has_expired(self, token: Token) -> bool:
        return self.now().timestamp() >= self.claims(self.strings[token]).exp

    def claims(self, string: str) -> RefreshClaims:
        claims = refresh.read(string, keys=KEYRING.current().refresh, issuer=conf.current().ISSUER)
        assert isinstance(claims, RefreshClaims)
        return claims

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_key(self, token: Token, key: str | None) -> str | None:
        if key == "owner":
            return f"owner-key-for-{token[0]}.{token[1]}"
        if key == "other":
            self.fresh_keys += 1
            return f"another-key-number-{self.fresh_keys}"
        return key and "the-key-of-a-thief"

    def measure(self, world: World) -> None:
        self.tally["longest run of a thief"] = max(self.tally["longest run of a thief"], world.score.thief)


class WithThief(RotationMachine):
    """The same, and somebody copies a token or an answer on its way at any moment."""

    @precondition(lambda self: self.lives() and self.may_steal())
    @rule(data=st.data())
    def thief_copies(self, data: st.DataObject) -> None:
        owner = self.world.owner
        in_store = [owner.store] + ([owner.former] if owner.former else [])
        on_their_way = [answer for _, answer in self.late]
        token = data.draw(st.sampled_from(in_store + on_their_way), label="copied")
        self.steal(token, with_key=self.terms.steals_key and token in in_store)

    @precondition(lambda self: self.lives() and self.world.thief.tokens)
    @rule(data=st.data())
    def thief_presents(self, data: st.DataObject) -> None:
        held = sorted(self.world.thief.tokens)
        alive = [token for token in held if self.world.row.may_still_count(token)]
        token = data.draw(st.sampled_from(held[-1:] + alive + held), label="presented")
        self.present("thief", token, self.thief_key(data, token))

    @precondition(lambda self: self.lives() and self.may_steal())
    @rule(data=st.data(), generations=st.integers(1, OVERLAPS + 4))
    def both_refresh_in_lockstep(self, data: st.DataObject, generations: int) -> None:
        """Whoever comes first, the other follows inside the window: the longest that theft stays hidden."""
        self.steal(self.world.owner.store, with_key=self.terms.steals_key)
        mine = self.world.owner.store
        owner_first = data.draw(st.booleans(), label="owner first")
        for _ in range(generations):
            for owners_turn in (owner_first, not owner_first):
                if not self.lives():
                    return
                if owners_turn:
                    self.owner_sends(self.world.owner.store, self.owner_key(data), "saved")
                else:
                    mine = self.present("thief", mine, self.thief_key(data, mine)) or mine
                if self.lives():
                    self.pass_time(data.draw(st.sampled_from([0, 1, 4]), label="seconds"))

    def may_steal(self) -> bool:
        return self.terms.thefts == "any number" or not self.world.thief.has_stolen

    def steal(self, token: Token, *, with_key: bool) -> None:
        thief, score = self.world.thief, self.world.score
        self.world = self.world._replace(
            thief=thief._replace(
                tokens=thief.tokens | {token},
                keyed=thief.keyed | ({token} if with_key else set()),
                has_stolen=True,
            ),
            score=score._replace(began=False, owner=0, thief=0, shared=0, thief_here=False),
        )

    def thief_key(self, data: st.DataObject, token: Token) -> str | None:
        stolen = ("owner",) if token in self.world.thief.keyed else ()
        return data.draw(st.sampled_from(stolen + self.terms.thief_keys), label="the thief's key")


class WithFailovers(RotationMachine):
    """The owner alone, on a database that loses commits."""

    def begin(self) -> None:
        super().begin()
        self.standby: dict[str, Any] = {}

    @precondition(lambda self: self.lives())
    @rule()
    def the_standby_catches_up(self) -> None:
        self.standby = self.row().values().get()
        self.world = self.world._replace(standby=self.world.row)

    @precondition(lambda self: self.lives() and self.standby)
    @rule()
    def a_failover_loses_commits(self) -> None:
        self.row().update(**{name: value for name, value in self.standby.items() if name != "id"})
        self.row_has_moved()
        age = int((self.now() - self.standby["rotated_at"]).total_seconds())
        self.world = self.world._replace(row=self.world.standby._replace(age=age))

    def row(self) -> Any:
        return TokenFamily.objects.filter(pk=self.session.family_id)
