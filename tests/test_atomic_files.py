"""Atomic writing."""

import pytest

from ssvae.atomic_files import beside, write_bytes, write_text


def test_text_and_bytes_arrive_and_leave_no_draft(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "ä\n")
    write_bytes(tmp_path / "new" / "b.bin", b"\0")
    assert (tmp_path / "new" / "a.txt").read_text("utf-8") == "ä\n"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.txt", "b.bin"]


def test_after_an_error_the_old_file_is_whole_and_no_draft_is_left(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), beside(path) as draft:
        draft.write_text(f"half {1 / 0}")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_draft_keeps_the_suffix(tmp_path):
    with beside(tmp_path / "a.png") as draft:
        assert draft.suffix == ".png"
        draft.touch()
