"""A user's own rows: a second file without labels, labels of images in a table, and cells as they are written."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ssvae.readers.errors import DataError
from ssvae.readers.read import read_table
from ssvae.readers.written_cells import written_cells

FIRST = "code,size,town,kind\n007,1.50,Rome,a\n011,2,Oslo,b\n012,,Rome,\n"


@pytest.fixture
def write(tmp_path):
    """Return write(text, name) -> path."""

    def writer(text, name="first.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return writer


def test_rows_of_a_second_file_stand_below_the_first_by_the_names_of_columns(write):
    more = write("town\tsize\tcode\nBonn\t4\t007\nOslo\t\t3\n", "more.tsv")
    data = read_table(write(FIRST), "kind", test=0, unlabelled_file=str(more))
    whole = "code,size,town,kind\n7,1.5,Rome,a\n11,2,Oslo,b\n12,,Rome,\n7,4,Bonn,\n3,,Oslo,\n"
    other = read_table(write(whole, "whole.csv"), "kind", test=0)
    assert data.feature_names == other.feature_names
    np.testing.assert_array_equal(data.x, other.x)
    assert data.y.tolist() == other.y.tolist() == ["a", "b", -1, -1, -1]
    assert {name: cells.tolist() for name, cells in data.row_keys.items()} == {
        "file": ["first.csv"] * 3 + ["more.tsv"] * 2,
        "row": [0, 1, 2, 0, 1],
    }


def test_columns_of_a_second_file_that_do_not_match_are_all_named(write):
    more = write("code,town\nold,Bonn\n", "more.csv")
    words = r"more\.csv does not match .*first\.csv: has no column 'size'; column 'code' holds text, such as 'old'"
    with pytest.raises(DataError, match=words):
        read_table(write(FIRST), "kind", unlabelled_file=str(more))
    more = write("code,size,town,kind,note\n1,2,Rome,b,x\n", "more.csv")
    with pytest.warns(UserWarning, match=r"which are left out: \['note'\]"):
        assert read_table(write(FIRST), "kind", test=0, unlabelled_file=str(more)).y.tolist()[3:] == [-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unlabelled_file": "x.npz"}, "there is no file"),
        ({"labels_file": "first.csv"}, "labels_file is for a folder of images"),
        ({"unlabelled_file": "first.csv", "stream": True}, "for tables that are read as a whole"),
    ],
)
def test_further_files_where_there_can_be_none(write, monkeypatch, options, words):
    monkeypatch.chdir(write(FIRST).parent)
    with pytest.raises(DataError, match=words):
        read_table("first.csv", "kind", **options)


def test_rows_keep_their_number_where_others_are_held_out(write):
    lines = "".join(f"{2 * n},{'ab'[n % 2]}\n" for n in range(20))
    data = read_table(write("size,kind\n" + lines), "kind", test=0.25)
    assert (2 * data.row_keys["row"]).tolist() == data.x[:, 0].tolist()


def test_rows_of_one_group_are_held_out_together(write):
    lines = "".join(f"P{n // 3},{n * 0.5},{'ab'[n // 3 % 2]}\n" for n in range(60))
    data = read_table(write("patient,size,kind\n" + lines), "kind", test=0.25, group="patient")
    assert data.feature_names == ("size",)
    held = {f"P{int(size / 0.5) // 3}" for size in data.x_test[:, 0]}
    assert not held & {*data.row_keys["patient"]}
    assert len(data.x) + len(data.x_test) == 60
    assert len(data.x_test) == 3 * len(held)


def test_test_rows_may_come_from_a_second_table(write):
    more = write("kind,town,size,code\nb,Bonn,4,7\n,Oslo,1,3\na,Rome,,2\n", "more.csv")
    with pytest.warns(UserWarning, match="1 cells of 'town', such as 'Bonn'"):
        data = read_table(write(FIRST), "kind", test=str(more))
    assert len(data.x) == 3
    np.testing.assert_array_equal(data.x_test, [[7, 4, 0, 0], [2, np.nan, 0, 1]])
    assert data.y_test.tolist() == ["b", "a"]
    with pytest.raises(DataError, match=r"more\.csv: it has no column 'code'"):
        read_table(write(FIRST), "kind", test=str(write("kind,town,size\nb,Bonn,4\n", "more.csv")))


class TestLabelsOfImages:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("a/0.png", "a/1.png", "b/0.png", "c.png"):
            (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (2, 2), len(name) * 20).save(tmp_path / "images" / name)
        return tmp_path / "images"

    def test_files_without_a_line_have_no_label(self, folder, write):
        table = write("shown,label,by\nc.png,cat,me\na/0.png,dog,me\n1.png,cat,you\n", "labels.csv")
        data = read_table(folder, test=0, labels_file=str(table))
        assert data.row_keys["file"].tolist() == ["a/0.png", "a/1.png", "b/0.png", "c.png"]
        assert data.y.tolist() == ["dog", "cat", -1, "cat"]
        assert read_table(folder, "by", test=0, labels_file=str(table)).y.tolist() == ["me", "you", -1, "me"]

    def test_lines_without_a_file_are_named(self, folder, write):
        table = write("file,label\nc.png,1\nlost.png,2\n0.png,3\n", "labels.csv")
        with pytest.warns(UserWarning, match=r"2 of its lines name no file in .*: 'lost.png', '0.png'"):
            assert read_table(folder, test=0, labels_file=str(table)).y.tolist() == [-1, -1, -1, 1]
        for text, words in (
            ("file,label\nlost.png,1\n", "none of its 1 files is in"),
            ("file,label\nc.png,1\nc.png,2\n", "gives 'c.png' two labels, '1' and '2'"),
            ("file\nc.png\n", "files' names and labels are needed"),
        ):
            with pytest.raises(DataError, match=words):
                read_table(folder, labels_file=str(write(text, "labels.csv")))


def test_cells_are_those_that_are_written(write, tmp_path):
    text = 'id;size;id;note\n007;1.50;+1;"a;b"\n\n-0;1e3;;NA\n'
    header, rows = written_cells(write(text))
    assert header == ["id", "size", "id", "note"]
    assert rows == [["007", "1.50", "+1", "a;b"], ["-0", "1e3", "", "NA"]]
    header, rows = written_cells(write("a,b\n1,2,\n3,,,\n"))
    assert (header, rows) == (["a", "b"], [["1", "2"], ["3", ""]])
    pd.DataFrame({"a": [1, None], "b": ["x", None]}).to_parquet(tmp_path / "t.parquet")
    assert written_cells(tmp_path / "t.parquet") == (["a", "b"], [["1.0", "x"], ["", ""]])
