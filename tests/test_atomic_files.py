"""Atomic writing."""

import json
import os
import subprocess
import sys

import pytest

from ssvae import atomic_files
from ssvae.atomic_files import beside, folder_beside, whole, write_bytes, write_text


def test_text_and_bytes_arrive_and_leave_no_draft(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "ä\n")
    write_bytes(tmp_path / "new" / "b.bin", b"\0")
    assert (tmp_path / "new" / "a.txt").read_text("utf-8") == "ä\n"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.txt", "b.bin"]


def test_names_of_files_that_are_not_text_are_escaped_as_in_json(tmp_path):
    write_text(tmp_path / "a.json", json.dumps("\udce4 ä", ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == "\udce4 ä"


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


def fill(folder):
    with folder_beside(folder, last="z") as draft:
        for name in ("z", "a"):
            (draft / name).write_text(name)


def test_a_link_stays_a_link_to_what_is_written(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "a.txt").symlink_to("real/a.txt")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "real" / "a.txt").read_text() == "new"
    fill(tmp_path / "link")
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a", "z"]
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").is_symlink()
    assert whole(tmp_path / "link").samefile(tmp_path / "real")


def test_a_device_is_written_to_and_not_replaced():
    before = os.stat(os.devnull)
    write_text(os.devnull, "gone")
    assert os.path.samestat(before, os.stat(os.devnull))


def test_the_current_folder_is_filled_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(".")
    assert sorted(os.listdir()) == ["a", "z"]
    with pytest.raises(OSError, match="it is the current folder, which cannot be replaced whole"):
        fill(".")


def test_drafts_of_processes_that_have_ended_are_removed(tmp_path):
    code = "import sys, os\nfrom ssvae.atomic_files import beside, folder_beside\n"
    for kind in ("folder_beside", "beside"):
        words = f"with {kind}(sys.argv[1]) as draft:\n    draft.touch()\n    os._exit(9)\n"
        for _ in range(2):
            subprocess.run([sys.executable, "-c", code + words, str(tmp_path / kind)], check=False)
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(f".{kind}.draft-")]
    living = tmp_path / f".folder_beside.draft-{atomic_files._machine()}_{os.getppid()}_x"
    elsewhere = tmp_path / ".folder_beside.draft-01234567_1_x"
    for path in (living, elsewhere):
        path.mkdir()
    fill(tmp_path / "folder_beside")
    write_text(tmp_path / "beside", "")
    assert {*tmp_path.iterdir()} == {living, elsewhere, tmp_path / "folder_beside", tmp_path / "beside"}
    os.utime(elsewhere, (0, 0))
    fill(tmp_path / "folder_beside")
    assert not elsewhere.exists()
