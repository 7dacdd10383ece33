"""What CI runs: everything that the other commands run, each with a report of its own."""

from tests import jobs
from tests.guarantees.run_breaks import BREAKS
from tests.jobs import Breaks
from tests.run import SELECTIONS


def test_ci_leaves_out_no_job():
    titles = {job.title for job in jobs.ci()}

    assert {job.title for selection in SELECTIONS.values() for job in selection()} == titles


def test_no_two_jobs_write_one_report():
    titles = [job.title for job in jobs.ci()]

    assert len(set(titles)) == len(titles)


def test_the_shares_of_the_breaks_are_all_of_them():
    shares = [job.share.split("/") for job in jobs.ci() if isinstance(job, Breaks)]
    breaks = sorted(BREAKS.glob("*.patch"))

    taken = [path for place, of in shares for path in breaks[int(place) - 1 :: int(of)]]

    assert sorted(taken) == breaks
