"""Tell the demo's story over HTTP against the running site, and say of each step whether it held."""

import time
from collections.abc import Sequence

from project.demo import curl, http
from project.demo.http import Answer
from project.demo.steps import Step

POLL = 0.05


def tell(steps: Sequence[Step], *, base_url: str) -> bool:
    """Run every step in turn, print it, and return whether all of them held."""
    kept: dict[str, Answer] = {}
    held = [_tell_one(number, step, kept, base_url) for number, step in enumerate(steps, start=1)]
    print(f"\n{sum(held)} of {len(held)} steps held.")
    return all(held)


def _tell_one(number: int, step: Step, kept: dict[str, Answer], base_url: str) -> bool:
    print(f"\n{number}. {step.title}\n   $ {curl.line(step, base_url=base_url)}")
    time.sleep(step.wait)
    started = time.monotonic()
    answer = _ask(step, kept, base_url)
    while not _holds(step, answer) and time.monotonic() - started < step.within:
        time.sleep(POLL)
        answer = _ask(step, kept, base_url)
    if step.keeps:
        kept[step.keeps] = answer

    held = _holds(step, answer)
    took = f" after {time.monotonic() - started:.2f} s" if step.within else ""
    print(f"   expected {_wanted(step)}; seen {_seen(answer)}{took}: {'OK' if held else 'FAILED'}")
    return held


def _ask(step: Step, kept: dict[str, Answer], base_url: str) -> Answer:
    form = dict(step.form)
    if step.refresh_of:
        form["refresh_token"] = _member(kept, step.refresh_of, "refresh_token")
    if step.hands_back:
        form["token"] = _member(kept, step.hands_back, "refresh_token")
    access_token = _member(kept, step.access_of, "access_token") if step.access_of else ""
    return http.call(f"{step.at or base_url}{step.path}", form=form, access_token=access_token)


def _member(kept: dict[str, Answer], name: str, member: str) -> str:
    # after a step that failed there is none: the later steps are still told, and fail by themselves
    return str(kept[name].body.get(member) or "none")


def _holds(step: Step, answer: Answer) -> bool:
    return (
        answer.status == step.status
        and (not step.error or answer.error == step.error)
        and (answer.body.get("reauthenticate") is True) == step.reauthenticate
    )


def _wanted(step: Step) -> str:
    extra = " with reauthenticate" if step.reauthenticate else ""
    return f"{step.status} {step.error}".strip() + extra


def _seen(answer: Answer) -> str:
    extra = " with reauthenticate" if answer.body.get("reauthenticate") is True else ""
    return f"{answer.status} {answer.error}".strip() + extra
