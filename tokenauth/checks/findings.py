"""What a check returns: always with an id, how to mend it, and where that is explained."""

from django.core.checks import Error, Warning

#: The page that has a heading for every id.
PAGE = "docs/reference/checks.md"


def error(number: str, text: str, *, mend: str) -> Error:
    """Return an error `tokenauth.<number>`: something is refused, or not safe, until it is mended."""
    return Error(text, hint=_hint(number, mend), id=f"tokenauth.{number}")


def warning(number: str, text: str, *, mend: str) -> Warning:
    """Return a warning `tokenauth.<number>`: it works, and not as well as it should."""
    return Warning(text, hint=_hint(number, mend), id=f"tokenauth.{number}")


def _hint(number: str, mend: str) -> str:
    return f"{mend} See {PAGE}#{number.lower()}."
