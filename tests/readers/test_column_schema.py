"""What columns hold: found, asked for, kept and checked."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ssvae.readers import column_schema
from ssvae.readers.errors import DataError
from ssvae.readers.read import read_features, read_table

N = 24
RNG = np.random.default_rng(0)
CELLS = {
    "customer": [f"C{n:03}" for n in range(N)],
    "Key": RNG.permutation(10 * np.arange(N)),
    "line": np.arange(N) + 5,
    "price": RNG.permutation(np.arange(N) * 7 + 1),  # whole, all different, and a measurement
    "size": RNG.normal(size=N).round(3),
    "twice": np.zeros(N),
    "ratio": np.linspace(0.5, 2, N).round(4),
    "old": np.arange(N) % 2,
    "town": np.array(["Rome", "Oslo"])[np.arange(N) // 5 % 2],
    "city": np.array(["Roma", "Os"])[np.arange(N) // 5 % 2],
    "one": ["same"] * N,
    "note": [f"it was a fine day, number {n}" for n in range(N)],
    "when": [f"2024-01-{1 + n:02}" for n in range(N)],
    "member": [True, False, False] * (N // 3),
    "until": [f"2024-02-{1 + n * 7 % N:02}" for n in range(N)],  # as many values as `when`, and others
}
CELLS["twice"] = CELLS["size"]


@pytest.fixture
def frame():
    return pd.DataFrame(CELLS)


def test_kinds_are_found(frame):
    schema = column_schema.learn(frame, Path("t"))
    assert {column.name: column.kind for column in schema} == {
        "customer": "id",
        "Key": "id",
        "line": "id",
        "price": "count",
        "size": "real",
        "twice": "duplicate",
        "ratio": "positive",
        "old": "binary",
        "town": "categorical",
        "city": "duplicate",
        "one": "constant",
        "note": "text",
        "when": "date",
        "member": "binary",
        "until": "date",
    }
    features = ("price", "size", "ratio", "old", "town=Oslo", "town=Rome", "when", "member", "until")
    assert column_schema.feature_names(schema) == features
    x = column_schema.encode(schema, frame, Path("t"))
    truth = [frame[name].astype(float) for name in ("price", "size", "ratio", "old")]
    truth += [frame["town"] == "Oslo", frame["town"] == "Rome", np.arange(N), frame["member"]]
    truth.append(np.arange(N) * 7 % N)
    np.testing.assert_allclose(x, np.stack(truth, axis=1), rtol=1e-6)
    assert column_schema.said(schema) == [
        "set aside: customer (id: all values differ), Key (id: all values differ), line (id: all values differ), twice "
        "(the same as size), city (the same as town), one (constant, 'same'), note (text: leave it out, or make "
        "numbers of it by a vectorizer of scikit-learn)",
        "dates: when (days since 2024-01-01), until (days since 2024-02-01)",
    ]
    kept = json.loads(json.dumps(column_schema.as_json(schema)))
    assert column_schema.from_json(kept) == schema
    date = next(column for column in kept if column["kind"] == "date")
    for damaged in (date | {"kind": "day"}, date | {"first": "never"}, date | {"name": 7}, date | {"values": [1]}):
        with pytest.raises(ValueError, match=r"schema is|no date"):
            column_schema.from_json([damaged])


def test_features_become_the_columns_that_they_were(frame):
    kinds = {"town": ["Rome", "Oslo"], "city": "categorical"}
    schema = column_schema.learn(frame, Path("t"), kinds)
    there = column_schema.decode(schema, column_schema.encode(schema, frame, Path("t")) + 1e-3)
    assert list(there.columns) == ["price", "size", "ratio", "old", "town", "city", "when", "member", "until"]
    for name in ("price", "old", "town", "city", "member"):
        assert there[name].tolist() == frame[name].tolist(), name
    np.testing.assert_allclose(there["size"], frame["size"] + 1e-3, rtol=1e-6)
    days = pd.to_datetime(frame["when"]) + pd.Timedelta(days=1e-3)
    assert (abs(there["when"] - days) < pd.Timedelta(seconds=1)).all()


def test_few_rows_set_nothing_aside(frame):
    few = frame.head(3)[["customer", "line", "size", "twice", "one", "note"]]
    assert {column.kind for column in column_schema.learn(few, Path("t"))} == {"categorical", "count", "real"}
    all_rows = frame.drop(columns=["note", "when", "until"])
    kept = column_schema.learn(all_rows, Path("t"), set_aside=False)
    assert not {column.kind for column in kept} & {*column_schema.ASIDE}


def test_kinds_are_those_that_were_asked_for(frame):
    kinds = {"line": "real", "customer": "drop", "old": "categorical", "price": "id", "twice": "real"}
    kinds |= {"town": ["Rome", "Oslo"], "when": "text"}
    schema = {column.name: column for column in column_schema.learn(frame, Path("t"), kinds)}
    assert [schema[name].kind for name in kinds] == ["real", "drop", "categorical", "id", "real", "ordinal", "text"]
    assert schema["old"].features == ["old=0", "old=1"]
    x = column_schema.encode((schema["town"],), frame, Path("t"))
    assert x[:, 0].tolist() == [n // 5 % 2 for n in range(N)]


def test_all_that_is_wrong_is_said_at_once(frame):
    frame = frame.assign(gone=None, odd=["x"] * 5 + ["12%"] * (N - 5), money=[f"${n % 3}" for n in range(N)])
    kinds = {"size": "count", "town": "real", "wen": "date", "note": "numbers"}
    with pytest.raises(DataError) as caught:
        column_schema.learn(frame, Path("t"), kinds)
    assert "unknown column 'wen'" in str(caught.value)
    assert "column 'note' may be real, positive," in str(caught.value)
    del kinds["wen"], kinds["note"]
    with pytest.raises(DataError) as caught:
        column_schema.learn(frame, Path("t"), kinds)
    lines = str(caught.value).splitlines()
    assert lines[0] == "t: 4 things are wrong:"
    for words in ("'size' holds", "'town' is 'Rome'; a finite number", "'gone' is empty", "'money' holds amounts"):
        assert any(words in line for line in lines), words


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["2024-01-31", "2024-02-01", None], [0, 1, np.nan]),
        (["31-Jan-2024", "1-Feb-2024"], [0, 1]),
        (["2024-02", "2024-01"], [31, 0]),
        (["31.1.2024 12:30", "1.2.2024 00:30"], [0, 0.5]),
        (["2024-01-31T12:30:00Z", "2024-02-01T00:30:00+01:00"], [0, 11 / 24]),
        (["31/12/2023", "1/1/2024"], [0, 1]),
        (pd.to_datetime(["2020-03-01", "2020-02-28"]), [2, 0]),
        (pd.period_range("2020-01", periods=2, freq="M"), [0, 31]),
        (pd.to_datetime(["2020-03-01", "2020-02-28"]).date, [2, 0]),
    ],
)
def test_dates_are_days_since_the_first(cells, days):
    frame = pd.DataFrame({"when": cells})
    schema = column_schema.learn(frame, Path("t"))
    assert schema[0].kind == "date"
    np.testing.assert_allclose(column_schema.encode(schema, frame, Path("t"))[:, 0], days, rtol=1e-6)


def test_rows_to_predict_are_checked_against_the_schema(frame, tmp_path):
    frame.assign(y=np.arange(N) % 2).to_csv(tmp_path / "fit.csv", index=False)
    data = read_table(tmp_path / "fit.csv", "y", test=0, columns={"old": "categorical"}, id_columns=["price"])
    assert data.row_keys["customer"].tolist() == CELLS["customer"]
    assert data.row_keys["price"].tolist() == [str(price) for price in CELLS["price"]]
    options = {"columns": data.columns, "target": "y"}
    same = read_features(tmp_path / "fit.csv", data.feature_names, **options)
    np.testing.assert_array_equal(same, data.x)
    new = frame[["size", "ratio", "old", "town", "when", "member", "until"]].iloc[::-1].head(5)
    new.to_csv(tmp_path / "new.csv", index=False)
    np.testing.assert_array_equal(read_features(tmp_path / "new.csv", data.feature_names, **options), data.x[:-6:-1])
    new.assign(town="Bonn", old=[2, 0, 0, 1, 1]).to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(UserWarning, match=r"none: 1 cells of 'old', such as '2'; 5 cells of 'town', such as 'Bonn'"):
        assert (read_features(tmp_path / "new.csv", data.feature_names, **options)[:, 4:6] == 0).all()
    new.drop(columns="size").assign(ratio="wide", when="today").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_features(tmp_path / "new.csv", data.feature_names, **options)
    for words in ("3 things", "no column 'size'", "'ratio' is 'wide'", "'when' is 'today'; a date is needed"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (range(100, 100 + N), "has 24 different values in 24 rows with a label"),
        (CELLS["note"], "is running text: it has 24 different values"),
        (np.arange(N) / 7, "is not a class"),
        (["ant", None] * (N // 2), "y has one class only, 'ant'"),
    ],
)
def test_a_target_of_no_classes_is_said_with_what_else_is_wrong(frame, tmp_path, labels, words):
    frame.assign(y=labels, gone=None, size=[f"${n % 3}" for n in range(N)]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv", "y")
    for each in ("3 things", words, "'gone' is empty", "'size' holds amounts of money"):
        assert each in str(caught.value)
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv", "yy", drop=["gone"])
    for each in ("2 things", "unknown target column 'yy'", "'size' holds amounts of money"):
        assert each in str(caught.value)


def test_thousands_of_columns_of_few_rows_are_said(tmp_path):
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2_500)).round(2))
    wide.assign(y=[0, 1] * 10).to_csv(tmp_path / "wide.csv", index=False)
    with pytest.warns(UserWarning, match="makes 2500 features of 20 rows"):
        assert read_table(tmp_path / "wide.csv", "y", test=0).x.shape == (20, 2_500)
