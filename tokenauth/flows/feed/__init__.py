"""What resource servers elsewhere are told of revocations, and what they say of themselves."""

from tokenauth.flows.feed.pages import Page, page
from tokenauth.flows.feed.reports import Report, last_reports, note_report
from tokenauth.flows.feed.rules import hash_of, rules_for

__all__ = ["Page", "Report", "hash_of", "last_reports", "note_report", "page", "rules_for"]
