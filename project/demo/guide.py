"""What `make demo` prints once the site answers: where it is, who may log in, and what to try."""

from collections.abc import Sequence

from django.conf import settings

from project.demo import curl, data, vault
from project.demo.steps import Step


def text(steps: Sequence[Step]) -> str:
    lines = [
        "",
        f"The example site answers at {settings.BASE_URL}/",
        f"and a second service, which validates its tokens, at {settings.ORDERS_URL}/orders/",
        f"  admin  {settings.BASE_URL}/admin/  {data.ADMIN} / {vault.password(data.ADMIN)}",
        *(f"  user   {name} / {vault.password(name)}" for name in data.USERS),
        "",
        "Paste these lines into another terminal, one after the other:",
        "",
        curl.PREAMBLE,
    ]
    for step in steps:
        lines += ["", f"# {step.title}: {step.status}", curl.line(step, base_url=settings.BASE_URL)]
    return "\n".join([*lines, "", "Ctrl-C stops the site."])
