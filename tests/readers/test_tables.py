"""Tables: encodings at fit, the same at predict, and cells that cannot be used."""

import numpy as np
import pytest

from ssvae.readers.errors import DataError
from ssvae.readers.read import read_features, read_table

TABLE = "age,member,town,label\n30,True,Rome,a\n41,False,Oslo,b\n5.5,True,Rome,\n7,False,Bonn,a\n"
NAMES = ("age", "member", "town=Bonn", "town=Oslo", "town=Rome")


@pytest.fixture
def write(tmp_path):
    """Return write(text, name) -> path."""

    def writer(text, name="t.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return writer


def forms(write, tmp_path, form):
    path = write(TABLE)
    if form == "tsv":
        return write(TABLE.replace(",", "\t"), "t.tsv")
    if form == "parquet":
        pytest.importorskip("pyarrow", reason="parquet files need pyarrow")
        import pandas as pd

        pd.read_csv(path).to_parquet(tmp_path / "t.parquet")
        return tmp_path / "t.parquet"
    return path


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_numbers_truths_and_words(write, tmp_path, form):
    data = read_table(forms(write, tmp_path, form), target="label", test=0)
    assert data.feature_names == NAMES
    assert data.x.dtype == np.float32
    assert data.x.tolist() == [[30, 1, 0, 0, 1], [41, 0, 0, 1, 0], [5.5, 1, 0, 0, 1], [7, 0, 1, 0, 0]]
    assert data.y.tolist() == ["a", "b", -1, "a"]


def test_empty_integer_labels_leave_integers(write):
    data = read_table(write("x,y\n1,0\n2,\n3,1\n"), target="y", test=0)
    assert data.y.dtype == np.int64
    assert data.y.tolist() == [0, -1, 1]


def test_truths_as_labels(write):
    assert read_table(write("x,y\n1,True\n2,\n3,False\n"), target="y", test=0).y.tolist() == [1, -1, 0]


def test_no_target_means_no_labels(write):
    data = read_table(write("x\n1\n2\n"))
    assert data.y.tolist() == [-1, -1]
    assert data.x_test is None


def test_predict_encodes_as_fit_did(write):
    path = write("town,extra,age,member\nOslo,9,1,False\nParis,9,2,True\n", "p.csv")
    assert read_features(path, NAMES).tolist() == [[1, 0, 0, 1, 0], [2, 1, 0, 0, 0]]


def test_words_that_look_like_numbers_stay_words(write):
    data = read_table(write("code\n01\nx=y\n2\n"))
    assert data.feature_names == ("code=01", "code=2", "code=x=y")
    assert read_features(write("code\n01\n1\n", "p.csv"), data.feature_names).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_predict_without_names(write):
    assert read_features(write("a,y\n1,0\n2,1\n"), target="y").tolist() == [[1], [2]]


def test_predict_lacks_a_column(write):
    with pytest.raises(DataError, match="no column 'town'"):
        read_features(write("age,member\n1,True\n", "p.csv"), NAMES)


def test_predict_meets_a_word_for_a_number(write):
    with pytest.raises(DataError, match="row 2, column 'age' is 'old'"):
        read_features(write("age,member,town\n1,True,Rome\nold,True,Rome\n", "p.csv"), NAMES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", "no rows"),
        ("a,y\n1,0\n,1\n", "row 2 has no value in column 'a'"),
        ("a,y\nRome,0\n,1\n", "row 2 has no value in column 'a'"),
        ("a,y\n1,0\ninf,1\n", "row 2, column 'a' is 'inf'"),
        ("a,y\n1,0\n1e300,1\n", "row 2, column 'a' is '1e"),
        ("a,y\n" + "".join(f"{n},0\n" for n in range(30)) + "?,1\n", "row 31 holds '?'"),
        ("a,y\n" + "".join(f"name{n},0\n" for n in range(1001)), "1001 different values"),
        ("a,a=x,y\nx,1,0\n", "two features would be called 'a=x'"),
        ("y\n0\n1\n", "no columns besides the target"),
        ("a,y\n1,0.5\n2,1\n", "label 0.5 is not a class"),
        ("a,label\n1,0\n", "unknown target column 'y'"),
        ('a,y\n"1,0\n2,1\n', "cannot be read"),
    ],
)
def test_errors_say_where(write, text, words):
    with pytest.raises(DataError, match=words.replace("?", r"\?")):
        read_table(write(text), target="y")


def test_missing_label_without_a_mark(write):
    with pytest.raises(DataError, match="row 2 has no label"):
        read_table(write("a,y\n1,0\n2,\n"), target="y", unlabeled=None)


def test_dates_are_refused(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet files need pyarrow")
    import pandas as pd

    pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="'when' holds dates"):
        read_table(tmp_path / "t.parquet")
