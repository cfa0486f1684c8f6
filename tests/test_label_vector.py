"""Which rows have a label, whatever holds the labels."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ssvae.label_vector import has_label, known_labels, label_array


def arrow(values):
    return pytest.importorskip("pyarrow").array(values)


# Containers of words, and of integers, of which some may be None.
WORDS = {
    "list": list,
    "tuple": tuple,
    "objects": lambda y: np.array(y, object),
    "series": pd.Series,
    "series of objects": lambda y: pd.Series(y, dtype=object),
    "series of strings": lambda y: pd.Series(y, dtype="string"),
    "categorical": pd.Categorical,
    "series of categories": lambda y: pd.Series(y, dtype="category"),
    "index": pd.Index,
    "arrow": arrow,
    "masked": lambda y: np.ma.masked_array(["hidden" if v is None else v for v in y], mask=[v is None for v in y]),
}
NUMBERS = {
    **{name: WORDS[name] for name in ("list", "tuple", "objects", "categorical", "series of categories", "arrow")},
    "Int64": lambda y: pd.array(y, dtype="Int64"),
    "series of Int64": lambda y: pd.Series(y, dtype="Int64", index=range(9, 9 - len(y), -1)),
    "masked": lambda y: np.ma.masked_array([v or 0 for v in y], mask=[v is None for v in y]),
}


@pytest.mark.parametrize("gap", [None, "", "  ", "-1", np.nan, pd.NA])
@pytest.mark.parametrize("container", WORDS)
def test_words_in_every_container(container, gap):
    if not isinstance(gap, str | None) and container in ("arrow", "masked"):
        pytest.skip("they hold no such value")
    labels, known = known_labels(WORDS[container](["ant", gap, "bee", "None", "ant"]))
    assert known.tolist() == [True, False, True, True, True]
    assert labels.tolist() == ["ant", "bee", "None", "ant"]
    assert labels.dtype.kind == "U"


@pytest.mark.parametrize("container", WORDS)
def test_a_word_may_be_the_marker(container):
    y = WORDS[container](["ant", "Unknown", "-1", None])
    assert has_label(y, "Unknown").tolist() == [True, False, True, False]


@pytest.mark.parametrize("container", NUMBERS)
def test_integers_stay_integers(container):
    labels, known = known_labels(NUMBERS[container]([2**53 + 1, None, -1, 2**53, 7]))
    assert known.tolist() == [True, False, False, True, True]
    assert labels.tolist() == [2**53 + 1, 2**53, 7]
    assert labels.dtype == np.int64


def test_arrays_without_gaps_stay_as_they_are():
    for y in (np.array([1, 2], np.int8), np.array(["a", "b"]), np.array([True, False]), np.array([0.5, np.nan])):
        assert label_array(y) is y


@pytest.mark.parametrize(
    ("y", "unlabeled", "known"),
    [
        ([1.0, -1.0, np.nan], -1, [True, False, False]),
        ([True, -1, False], -1, [True, False, True]),
        ([True, False], 1, [True, True]),
        ([True, False], True, [False, True]),
        ([0, 1], False, [True, True]),
        ([7, 0], 0, [True, False]),
        ([1, -1], None, [True, True]),
        (["a", "9"], 9, [True, False]),
        ([5, 9], "9", [True, False]),
        (np.array([0, 1, -1]), "-1", [True, True, False]),
        (["a", "b"], b"b", [True, False]),
        (["01", "1"], "01", [False, True]),
        ([3, 4, None], pd.NA, [True, True, False]),
        (np.array([b"a", b"-1", b""]), -1, [True, False, False]),
        (np.array(["2020-01-01", "NaT"], "M8[D]"), -1, [True, False]),
        (np.array([0, 255], np.uint8), -1, [True, True]),
        ([], -1, []),
    ],
)
def test_which_rows_have_a_label(y, unlabeled, known):
    assert has_label(y, unlabeled).tolist() == known


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, "b", -1], r"several types: number \(1 rows, such as 1\), text \(1 rows, such as 'b'\)"),
        ([True, 2], "several types: true/false"),
        (pd.Categorical([1, "b"]), "several types"),
        (np.array([0, 1, 255, 255], np.uint8), "uint8 and holds 255 in 2 rows, which is what -1 becomes"),
        (np.array([0, 1, -1]).astype(np.uint64), "uint64"),
        ([Decimal("1"), Decimal("2")], r"y holds Decimal, such as Decimal\('1'\)"),
        (pd.Series([(1, 2), (3, 4)]), r"y holds tuple, such as \(1, 2\)"),
        (np.zeros(2, [("a", int)]), r"y holds records of \['a'\]: give one of these fields"),
        (["a", "a\0"], "ends in a null character"),
        ([2**64, 1], "64 bits"),
        (np.array([0, 1, -(2**63)]), "int64 and holds -9223372036854775808 in 1 rows, which is what NaN becomes"),
        ([2**53 + 1, 0.5], "too large to stand beside fractions"),
    ],
)
def test_what_may_mean_two_things_is_refused(y, words):
    with pytest.raises(ValueError, match=words):
        known_labels(y)


def test_bytes_of_256_classes_are_none_of_these():
    assert known_labels(np.arange(256).astype(np.uint8))[1].all()


UNSIGNED = {
    "array": lambda y, gap: np.array(y),
    "list": lambda y, gap: y,
    "objects": lambda y, gap: np.array([*y, None] if gap else y, object),
    "masked": lambda y, gap: np.ma.masked_array([*y, y[0]], mask=[False] * len(y) + [True]) if gap else np.array(y),
    "UInt8": lambda y, gap: pd.array([*y, None] if gap else y, dtype="UInt8"),
    "series": lambda y, gap: pd.Series([*y, None] if gap else y, dtype="UInt8"),
    "frame": lambda y, gap: pd.DataFrame({"y": pd.array([*y, None] if gap else y, dtype="UInt8")}),
    "category": lambda y, gap: pd.Categorical([*y, None] if gap else y, categories=np.unique(y)),
    "arrow": lambda y, gap: arrow([*y, None] if gap else y),
}


@pytest.mark.parametrize("gap", [False, True])
@pytest.mark.parametrize("container", UNSIGNED)
def test_an_unsigned_minus_one_is_found_in_every_container(container, gap):
    make = UNSIGNED[container]
    with pytest.raises(ValueError, match="uint8 and holds 255 in 2 rows, which is what -1 becomes"):
        known_labels(make([np.uint8(n) for n in (0, 1, 255, 255)], gap))
    for classes in ((0, 255), (0, 1, 254, 255)):
        with pytest.warns(UserWarning, match="uint8 and holds 255 in 1 rows"):
            assert known_labels(make([np.uint8(n) for n in classes], gap))[0].tolist() == [*classes]
    labels, known = known_labels(make([np.uint8(n) for n in (3, 1, 3)], gap))
    assert labels.tolist() == [3, 1, 3]
    assert known.tolist() == [True, True, True, False][: len(known)]


def test_a_column_of_a_frame_is_a_column():
    labels, known = known_labels(pd.DataFrame({"y": pd.array([2**53 + 1, None, 2**53], dtype="Int64")}))
    assert labels.tolist() == [2**53 + 1, 2**53]
    assert known.tolist() == [True, False, True]


def test_labels_of_the_caller_stay():
    for y in (["a", None], np.ma.masked_array([1, 2], mask=[0, 1]), pd.Series([1, None], dtype="Int64")):
        before = repr(y)
        known_labels(y)
        assert repr(y) == before
