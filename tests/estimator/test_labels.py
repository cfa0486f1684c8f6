"""Labels as users write them."""

import numpy as np
import pandas as pd
import pytest

from ssvae.estimator.labels import encode, labelled_rows, positions


@pytest.mark.parametrize(
    ("y", "unlabeled", "classes"),
    [
        (np.array([3, -1, 1, -1, 3]), -1, [1, 3]),
        ([3.0, -1, 1.0, -1.0, 3], -1, [1.0, 3.0]),
        ([3.0, np.nan, 1.0, np.nan, 3.0], -1, [1.0, 3.0]),
        (pd.Series([3, None, 1, None, 3]), -1, [1.0, 3.0]),
        (np.array(["b", -1, "a", -1, "b"], object), -1, ["a", "b"]),
        (np.array(["b", None, "a", np.nan, "b"], object), -1, ["a", "b"]),
        (np.array(["b", pd.NA, "a", -1, "b"], object), -1, ["a", "b"]),
        (np.array(["b", "-1", "a", "-1", "b"]), -1, ["a", "b"]),
        (np.array(["b", "?", "a", "?", "b"]), "?", ["a", "b"]),
        (np.array([7, 0, 5, 0, 7]), 0, [5, 7]),
        (pd.Series(["b", None, "a", None, "b"]), -1, ["a", "b"]),
        (pd.Series(["b", None, "a", None, "b"], dtype="category"), -1, ["a", "b"]),
        (pd.Series(["b", None, "a", None, "b"], dtype="string"), -1, ["a", "b"]),
        (pd.Series([3, -1, 1, -1, 3], index=[9, 8, 7, 6, 5]), -1, [1, 3]),
        (np.array([True, -1, False, -1, True], object), -1, [False, True]),
        (pd.Series([3, None, 1, -1, 3], dtype="Int64"), -1, [1, 3]),
        (np.ma.masked_array([3, 9, 1, 9, 3], mask=[0, 1, 0, 1, 0]), -1, [1, 3]),
    ],
)
def test_classes_and_index(y, unlabeled, classes):
    found, index = encode(y, unlabeled)
    assert found.tolist() == classes
    assert found.dtype.kind in "ifbU"
    assert index.tolist() == [1, -1, 0, -1, 1]


def test_without_a_marker_every_row_is_labelled():
    classes, index = encode([-1, 1, -1], None)
    assert classes.tolist() == [-1, 1]
    assert index.tolist() == [0, 1, 0]


def test_a_frame_of_one_column_is_a_vector():
    assert encode(pd.DataFrame({"y": [2, -1, 5]}), -1)[1].tolist() == [0, -1, 1]
    with pytest.warns(UserWarning, match="column-vector"):
        assert encode(np.array([[2], [-1], [5]]), -1)[1].tolist() == [0, -1, 1]


@pytest.mark.parametrize(
    ("y", "unlabeled", "message"),
    [
        ([-1, -1], -1, r"y has no labelled row: all 2 are -1, which means unlabelled; label at least one row"),
        (["?", "?"], "?", r"all 2 are '\?'"),
        ([4, -1, 4], -1, "y has one class only, 4: a classifier needs labelled rows of at least 2 classes"),
        ([0.3, 1.7, 2.2], -1, "Unknown label type: continuous"),
        ([0.0, 1.0, np.nan], None, "y contains infinity or NaN"),
        (["a", 1, "b"], -1, "several types"),
        (np.array(["2020-01-01", "2021-01-01"], "M8[D]"), -1, r"y holds datetime64\[D\], and not text"),
        ([(0, 1), (1, 0)], -1, "1d array"),
        (["a", None, "b"], None, "row 1, and unlabeled=None says that all have one"),
        ([0.0, 1.0, np.inf], -1, "y contains infinity or NaN"),
        ([[0, 1], [1, 0]], -1, "1d array"),
    ],
)
def test_what_holds_no_classes_is_refused(y, unlabeled, message):
    with pytest.raises(ValueError, match=message):
        encode(y, unlabeled)


def test_positions_name_the_unknown_label():
    classes = np.array(["a", "b"])
    assert positions(["b", "a"], classes).tolist() == [1, 0]
    assert positions([1.0, 0], np.array([0, 1])).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"unknown label 'c': fit did not see it, the classes are \['a', 'b'\]"):
        positions(["b", "c"], classes)


def test_labelled_rows():
    known, y = labelled_rows(np.array(["b", None, "a", -1], object), -1, np.array(["a", "b"]))
    assert known.tolist() == [True, False, True, False]
    assert y.tolist() == ["b", "a"]
    assert y.dtype.kind == "U"
    with pytest.raises(ValueError, match="no labelled row to compare with"):
        labelled_rows([-1, -1], -1, np.array([0, 1]))


@pytest.mark.parametrize("text", ["nan", "None", "<NA>", "NaT"])
def test_texts_that_are_made_of_gaps_are_counted(text):
    with pytest.warns(UserWarning, match=f"the text '{text}' in 2 rows of y is taken for a class"):
        encode(np.array(["a", text, "b", text]), -1)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (["ant", "ant ", "ant"], r"labels 'ant' \(2 rows\) and 'ant ' \(1 rows\) look alike"),
        (["caf\u00e9", "cafe\u0301"], "look alike"),
        (["1", "\uff11"], "look alike"),
        (["1", "1.0"], "look alike"),
        (["ant", "\ufeffant"], "look alike"),
        (["ant", "\u200b"], r"labels '\\u200b' \(1 rows\) look like none"),
        (["ant", " -1"], r"labels ' -1' \(1 rows\) look like none"),
        (["ant", "-1.0"], "look like none"),
        (["ant", "\u22121"], "look like none"),
    ],
)
def test_texts_that_look_alike_are_counted(y, words):
    with pytest.warns(UserWarning, match=words):
        assert encode(y, -1)[0].tolist() == sorted({*y})
