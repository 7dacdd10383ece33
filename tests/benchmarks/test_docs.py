"""The page that shows the figures."""

import pytest

from benchmarks import docs
from tests.benchmarks import made_up


def test_the_figures_stand_between_the_marks_of_the_page():
    page = docs.filled(docs.PAGE.read_text(), made_up.run())

    between = page.partition(docs.BEGIN)[2].partition(docs.END)[0]
    assert "| one at a time | tokenauth | 2 ms |" in between
    assert "|  | simplejwt | 10 ms |" in between


def test_filling_again_replaces_what_was_there():
    once = docs.filled(docs.PAGE.read_text(), made_up.run())

    assert docs.filled(once, made_up.run()) == once


def test_a_page_without_its_marks_is_left_alone():
    with pytest.raises(docs.NoPlaceError):
        docs.filled("# Performance\n", made_up.run())


def test_the_newest_run_is_taken(tmp_path):
    for name in ("2026-11-24-0900-b.json", "2026-11-25-0800-a.json"):
        (tmp_path / name).touch()

    assert docs.newest(tmp_path).name == "2026-11-25-0800-a.json"


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run"):
        docs.newest(tmp_path)


def test_the_picture_of_a_run_stands_above_its_figures():
    page = docs.filled(docs.PAGE.read_text(), made_up.run(), picture=True)

    assert page.index(f"]({docs.PICTURE.name})") < page.index("### Refresh")


def test_the_last_three_runs_stay(tmp_path):
    folder, made = tmp_path / "results", tmp_path / "made"
    made.mkdir()
    for day in range(1, 6):
        for suffix in (".json", ".svg"):
            (made / f"2026-11-0{day}-0900-a{suffix}").touch()
        docs.kept(made / f"2026-11-0{day}-0900-a.json", folder)

    assert sorted({file.stem for file in folder.iterdir()}) == [f"2026-11-0{day}-0900-a" for day in (3, 4, 5)]
    assert len(list(folder.iterdir())) == 6
