"""Tables: encodings at fit, the same at predict, and cells that cannot be used."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ssvae.readers.errors import DataError
from ssvae.readers.label_columns import quoted, unquoted
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
    path = write("town,kind,age,member\nOslo,9,1,False\nParis,9,2,True\n", "p.csv")
    assert read_features(path, NAMES, target="kind").tolist() == [[1, 0, 0, 1, 0], [2, 1, 0, 0, 0]]


def test_words_that_look_like_numbers_stay_words(write):
    data = read_table(write("code\n01\nx=y\n2\n"))
    assert data.feature_names == ("code=01", "code=2", "code=x=y")
    assert read_features(write("code\n01\n1\n", "p.csv"), data.feature_names).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_predict_without_names(write):
    assert read_features(write("a,y\n1,0\n2,1\n"), target="y").tolist() == [[1], [2]]


def test_an_empty_cell_is_no_number_and_no_value(write):
    path = write("town,age,y\nOslo,,0\n,2,1\nRome,3,0\n")
    data = read_table(path, "y", test=0)
    assert data.feature_names == ("town=Oslo", "town=Rome", "age")
    np.testing.assert_array_equal(data.x, [[1, 0, np.nan], [0, 0, 2], [0, 1, 3]])
    np.testing.assert_array_equal(read_features(path, data.feature_names, "y"), data.x)


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
        ("a,b,y\n1,,0\n3,,1\n", "column 'b' is empty; drop it"),
        ("a,y\n1,0\n3\n", "line 3 has 1 cells, the header has 2: write an empty cell"),
        ("a,b,y\n1,2,0\n3,4\n", "line 3 has 2 cells, the header has 3: write an empty cell"),
        ("a,y\n1,0\ninf,1\n", "row 2, column 'a' is 'inf'"),
        ("a,y\n1,0\n1e300,1\n", "row 2, column 'a' is '1e"),
        ("a,y\n" + "".join(f"{n},0\n" for n in range(30)) + "?,1\n", "row 31 holds '?'"),
        ("a,y\n" + "".join(f"name{n},0\nname{n},0\n" for n in range(1001)), "1001 different values"),
        ("a,a=x,y\nx,1,0\n", "two features would be called 'a=x'"),
        ("y\n0\n1\n", "no columns besides the target"),
        ("a,b,y\n1,2,0\n3,4,1,9\n", "line 3 has 4 cells, the header has 3: no column for '9'"),
        ("a,b,y\n1,2,0,7\n3,4,1,8\n", "line 2 has 4 cells, the header has 3: no column for '7'; 1 more lines .*: 3$"),
        ("a,y\n1,0\n3\n5,1\n6\n7\n", "line 3 has 1 cells, the header has 2: write an empty cell; 2 more .*: 5, 6$"),
        ("a,y,y\n1,0,0\n2,1,1\n", "2 columns 'y'"),
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


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan", "n/a", "?", "unlabeled", "01", "1.0", "1e3", "+1", "-0"])
def test_labels_are_what_is_written(write, word):
    data = read_table(write(f"x,y\n1,{word}\n2,\n3, 1 \n4,{word} \n"), target="y", test=0)
    assert data.y.tolist() == [word, -1, "1", word]


def test_categories_that_look_a_little_like_numbers_stay_categories(write):
    cells = ["01-02", "A1", "3 rooms", "1.2.3", "10.0.0.1", "5th", "1-2"]
    for first in cells:
        data = read_table(write(f"c,y\n{first},0\nother,1\n{first},1\n"), "y", test=0)
        assert data.x.shape == (3, 2)


def test_integers_too_large_for_64_bits_are_numbers(write):
    data = read_table(write(f"c,y\n1,0\n{2**70},1\n"), "y", test=0)
    assert data.x.tolist() == [[1], [2.0**70]]
    assert read_features(write(f"c\n{2**70}\n", "p.csv"), data.feature_names).tolist() == [[2.0**70]]


def test_a_header_of_several_lines_before_surplus_cells(write):
    with pytest.warns(UserWarning, match="beyond the columns"):
        data = read_table(write('\n\n"a\nb",c,y\n1,2,x,\n\n3,4,z,\n'), "y", test=0)
    assert data.x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("labels", [["0", "1", "-7"], [str(2**53), str(2**53 + 1), str(2**63 - 1)]])
def test_labels_are_integers_where_that_loses_nothing(write, labels):
    data = read_table(write("x,y\n1,\n" + "".join(f"{n},{label}\n" for n, label in enumerate(labels))), "y", test=0)
    assert data.y.dtype == np.int64
    assert data.y.tolist() == [-1, *map(int, labels)]


def test_whole_numbers_with_gaps_are_written_with_a_point_by_pandas(write):
    assert read_table(write("x,y\n1,1.0\n2,\n3,2.0\n"), "y", test=0).y.tolist() == [1, -1, 2]


def test_a_word_for_no_label_that_is_nowhere_is_said(write):
    with pytest.warns(UserWarning, match="has no cell 'zebra', which no_label"):
        read_table(write("a,y\n1,ant\n2,bee\n3,?\n"), target="y", no_label=["?", "zebra"])


def test_cells_of_any_length(write):
    text = "x" * 200_000
    assert read_table(write(f"a,y\n1,{text}\n2,bee\n3,bee\n"), target="y").y.tolist() == [text, "bee", "bee"]


def test_words_that_mean_no_label(write):
    data = read_table(write("x,y\n1,0\n2,?\n3,1\n4,none\n"), "y", test=0, no_label=["?", "none"])
    assert data.y.tolist() == [0, -1, 1, -1]
    assert data.y.dtype == np.int64


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ";"), ("t.csv", "\t"), ("t.csv", "|"), ("t.tsv", ";")])
def test_separators_are_found(write, name, separator):
    path = write("a,b,kind\n1,2.5,x\n3,4,y\n".replace(",", separator), name)
    data = read_table(path, "kind", test=0)
    assert data.x.tolist() == [[1, 2.5], [3, 4]]
    assert data.y.tolist() == ["x", "y"]
    assert read_features(path, data.feature_names, "kind").tolist() == data.x.tolist()


def test_commas_in_every_cell_are_no_separator(write):
    path = write("length, cm;width, cm;kind\n1,5;2,5;x\n3,5;4,5;y\n")
    data = read_table(path, "kind", test=0, decimal=",")
    assert data.feature_names == ("length, cm", "width, cm")
    assert data.x.tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert read_features(path, data.feature_names, "kind", decimal=",").tolist() == data.x.tolist()
    with pytest.raises(DataError, match="may be separated by any of"):
        read_table(path)


@pytest.mark.parametrize("rows", ["1,2,x,\n3,4,y,\n", "1,2,x\n3,4,y,\n", "1,2,x,,,\n3,4,y,\n"])
def test_surplus_cells_that_are_empty_are_left_out(write, rows):
    with pytest.warns(UserWarning, match="empty cells beyond the columns of the header"):
        data = read_table(write("a,b,kind\n" + rows), "kind", test=0)
    assert data.x.tolist() == [[1, 2], [3, 4]]
    assert data.y.tolist() == ["x", "y"]


def test_columns_without_a_name(write):
    with pytest.warns(UserWarning, match="row numbers: left out"):
        assert read_table(write(",a,y\n0,5,u\n1,7,v\n"), "y", test=0).feature_names == ("a",)
    with pytest.warns(UserWarning, match=r"learnt from, too: \['Unnamed: 0'\]"):
        assert read_table(write(",a,y\n9,5,u\n8,7,v\n"), "y", test=0).feature_names == ("Unnamed: 0", "a")
    with pytest.warns(UserWarning, match="1 empty columns without a name"):
        assert read_table(write("a,y,\n5,u,\n7,v,\n"), "y", test=0).feature_names == ("a",)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1,5", "2,25"], "decimal commas, such as '1,5' in row 1"),
        (["1,234", "2,5"], "decimal commas, such as '1,234' in row 1"),
        (["0,234", "5,678"], "decimal commas, such as '0,234' in row 1"),
        (["1,234", "5,678"], "decimal commas or separated thousands"),
        (["7", "1.234,5"], "separated thousands, such as '1.234,5' in row 2"),
        (["1 234", "7"], "separated thousands"),
        (["0x1F", "0x20"], "another notation"),
        (["1_000", "2"], "another notation"),
        (["\u22121.5", "2"], "another notation"),
        (["1", "2", "3", "?"], "row 4 holds '?'"),
        (["1,234,567", "3"], "separated thousands"),
        (["12%", "3.5 %"], "percentages"),
        (["$5", "$1,200.50"], "amounts of money"),
        (["5 €", "7 €"], "amounts of money"),
        (["12:30", "8:05:10"], "dates or times"),
        (["1/2/2024", "3/4/2024"], "may be %d/%m/%Y or %m/%d/%Y; write them as 2024-01-31"),
        (["1\u2009234", "7"], "separated thousands"),
        (["1,23,456", "7"], "separated thousands"),
        (["5 EUR", "USD 7"], "amounts of money"),
        (["(5)", "7"], "negative numbers of accounts"),
        (["5-", "7"], "negative numbers of accounts"),
        (["0x1p3", "7"], "another notation"),
        (['="5"', "7"], "another notation"),
        (["\uff11", "\uff12"], "numbers in other digits"),
        (["\u0663", "7"], "numbers in other digits"),
        (["1\u00b2", "\u00bd"], "numbers in other digits"),
        (["1\u00a0", "2"], "not seen"),
        (["\ufeff1", "2"], "not seen"),
        (["1", "2", "3", "#DIV/0!"], "row 4 holds '#DIV/0!'"),
        ([f"{n} kg" for n in range(30)], "a unit or a sign, such as '0 kg'"),
        ([f"<{n}.5" for n in range(30)], "a unit or a sign"),
    ],
)
def test_numbers_and_times_that_are_written_for_people_are_no_categories(write, cells, words):
    text = "a\ty\n" + "".join(f"{cell}\t{n % 2}\n" for n, cell in enumerate(cells))
    with pytest.raises(DataError, match=re.escape(words)):
        read_table(write(text, "t.tsv"), "y", test=0)


def test_categories_with_digits_stay_categories(write):
    words = [f"{n}{'AB'[n % 2]}" for n in range(30)]
    data = read_table(write("a,y\n" + "".join(f"{word},0\n{word},1\n" for word in words)), "y", test=0)
    assert {*data.feature_names} == {f"a={word}" for word in words}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TABLE.encode("utf-16"), "null bytes"),
        (TABLE.encode("utf-16-le"), "null bytes"),
        (b"a,y\n1,\0\n2,b\n", "null bytes"),
        ("a,y\n1,\u00e9\n2,b\n".encode("latin-1"), "not text in UTF-8"),
    ],
)
def test_what_is_no_text_in_utf_8_is_refused(tmp_path, data, words):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path / "t.csv", "y", test=0)


def test_columns_of_one_name_are_said(write):
    with pytest.warns(UserWarning, match=r"several columns named 'a': from the second on they are called 'a.1'"):
        assert read_table(write("a,a,y\n1,2,u\n3,4,v\n"), "y", test=0).feature_names == ("a", "a.1")


def test_points_are_refused_where_fractions_have_commas(write):
    with pytest.raises(DataError, match=r"holds '1.500', and decimal=',' says that no number has a point"):
        read_table(write("a;y\n1.500;u\n2.500;v\n"), "y", test=0, decimal=",")


def test_parquet_keeps_what_its_types_say(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="parquet files need pyarrow")
    import pyarrow.parquet as pq

    big = [2**53 + 1, None, 2**53, 5]
    price = pa.array([Decimal(n) for n in range(1, 5)])
    pq.write_table(pa.table({"price": price, "y": pa.array(big, pa.int64())}), tmp_path / "t.parquet")
    for stream in (False, True):
        data = read_table(tmp_path / "t.parquet", "y", test=0, stream=stream)
        assert data.y.tolist() == [2**53 + 1, -1, 2**53, 5]
        assert data.feature_names == ("price",)
        assert np.asarray(data.x[:4]).tolist() == [[1], [2], [3], [4]]
    words = {"bytes": pa.array([b"u", b"v"]), "price": pa.array([Decimal("1.00"), Decimal(2)])}
    words |= {"day": pa.array([1, 2], pa.date32()), "time": pa.array([1, 2], pa.timestamp("s"))}
    expected = {"bytes": ["u", "v"], "price": [1, 2], "day": ["1970-01-02", "1970-01-03"]}
    expected["time"] = ["1970-01-01T00:00:01", "1970-01-01T00:00:02"]
    refused = {"list": (pa.array([[1], [2]]), "is list|is ndarray"), "half": (pa.array([Decimal("0.5")] * 2), "0.5")}
    rows = pa.table({"x": [1.0, 2.0]})
    for stream in (False, True):
        for name, column in words.items():
            pq.write_table(rows.append_column("y", column), tmp_path / "y.parquet")
            found = read_table(tmp_path / "y.parquet", "y", test=0, stream=stream).y.tolist()
            assert [str(label)[:19] for label in found] == [*map(str, expected[name])]
        for column, message in refused.values():
            pq.write_table(rows.append_column("y", column), tmp_path / "y.parquet")
            with pytest.raises(DataError, match=message):
                read_table(tmp_path / "y.parquet", "y", test=0, stream=stream)
        pq.write_table(rows.append_column("b", words["bytes"]), tmp_path / "b.parquet")
        with pytest.raises(DataError, match=r"'b' holds (bytes|binary)"):
            read_table(tmp_path / "b.parquet", stream=stream)
        pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 8]).to_parquet(tmp_path / "i.parquet")
        assert read_table(tmp_path / "i.parquet", stream=stream).feature_names == ("a",)
    days = pa.array([1, 2], pa.date32())
    pq.write_table(pa.table({"day": days}), tmp_path / "d.parquet")
    assert read_table(tmp_path / "d.parquet").x.tolist() == [[0], [1]]
    with pytest.raises(DataError, match="'day' holds dates"):
        read_table(tmp_path / "d.parquet", stream=True)


def test_text_that_was_quoted_against_spreadsheets_is_read_as_it_was(write):
    words = ["=cmd|' /C calc'!A0", "@SUM(1)", "'=x", "-a", "'quoted'", "-1.5e3"]
    assert [unquoted(quoted(word)) for word in words] == words
    assert quoted("-1.5e3") == "-1.5e3"
    assert all(quoted(word)[0] == "'" for word in words[:-1])
    data = read_table(write("'=a,y\n1,'=x\n2,'@y\n"), "y", test=0)
    assert data.feature_names == ("=a",)
    assert data.y.tolist() == ["=x", "@y"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a,y\n1,=1\n2,'=1\n", "column 'y'"),
        ("a,b,y\n1,=1,0\n2,'=1,1\n", "column 'b'"),
        ("=1,'=1,y\n1,2,0\n3,4,1\n", "header"),
    ],
)
def test_text_and_the_same_quoted_are_not_taken_for_one(write, text, where):
    with pytest.raises(DataError, match=f"{where}: there are '=1' and \"'=1\", which would be one"):
        read_table(write(text), "y", test=0)


def test_quotes_that_no_export_writes_stay(write):
    """A number is written as it is, so that the quoted one is another label."""
    assert read_table(write("a,y\n1,'-1\n2,-1\n3,''=1\n4,'=1\n"), "y", test=0).y.tolist() == ["'-1", "-1", "'=1", "=1"]
