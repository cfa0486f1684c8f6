"""What a run says before it trains and when it is done."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ssvae.experiments import run_header
from ssvae.settings.schema import resolve
from ssvae.types import Dataset


def said(data, y, **classifier):
    text, config = io.StringIO(), resolve()
    config["classifier"] |= classifier
    run_header.show_inputs(Console(file=text, width=80), config, data, y, Path("runs/x"))
    return text.getvalue().splitlines()


def test_what_is_learnt_from_is_said_before():
    y = np.array(["ant", -1, "?", "ant"], object)
    kinds = [{"name": "a", "kind": "real"}, {"name": "b", "kind": "date", "first": "2024-01-31T00:00:00"}]
    kinds += [{"name": "c", "kind": "categorical", "values": ["x", "y", "z"]}]
    kinds += [{"name": "d", "kind": "constant", "why": "constant, 1"}, {"name": "e", "kind": "id"}]
    data = Dataset("t", np.zeros((4, 5)), y, x_test=np.zeros((3, 5)), columns=kinds)
    assert said(data, y) == [
        "t: 4 rows to learn from; held out: 3 to test",
        "columns: 1 real, 1 date, 1 categorical; 5 features; 4 cells are missing, in 1 columns",
        "set aside: d (constant, 1), e (id)",
        "dates: b (days since 2024-01-31)",
        "classes: ? (1), ant (2)",
        "labelled rows: 3, unlabelled: 1",
        "if '?' means that a row has no label, say --no-label '?'",
        "model: m1_m2; likelihood: bernoulli (values from 0 to 0)",
        "run folder: runs/x",
    ]
    y = np.arange(90)
    lines = said(Dataset("d", np.zeros((90, 4)), y), y)
    assert lines[:2] == ["d: 90 rows to learn from; held out: none", "columns: 4 of numbers"]
    assert lines[2].endswith("19 (1), and 70 more")


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [("auto", "gaussian (values from -1.5 to 2)"), ({"name": "student_t", "degrees": 3.0}, "student_t")],
)
def test_the_likelihood_is_named_with_the_values_it_was_chosen_by(likelihood, words):
    data = Dataset("t", np.array([[-1.5, 2.0], [0.0, 1.0]]), np.arange(2))
    assert said(data, data.y, likelihood=likelihood)[-2] == f"model: m1_m2; likelihood: {words}"


@pytest.mark.parametrize(("data", "rows"), [({"name": "digits"}, "NEW.npz"), ({"data": "/a/t.csv"}, "NEW.csv")])
def test_the_next_command_is_for_rows_of_the_same_form(data, rows):
    text = io.StringIO()
    run_header.show_next(Console(file=text, width=30), {"dataset": data}, Path("runs/my x"))
    assert text.getvalue() == f"next: ssvae predict 'runs/my x' {rows} -o predictions.csv\n"


def test_missing_numbers_are_counted_before_a_fit():
    x = np.array([[1, np.nan], [np.nan, np.nan], [3, 4]], np.float32)
    lines = said(Dataset("t", x, np.array([0, 1, -1])), np.array([0, 1, -1]))
    assert "columns: 2 of numbers; 3 cells are missing, in 2 columns" in lines
    assert "model: m1_m2; likelihood: mixed (2 columns gaussian)" in lines


def test_the_columns_of_a_mixed_table_are_counted_by_their_likelihood():
    x = np.array([[0.0, 2.5, 1.0, 0.0], [1.0, -1.0, 0.0, 1.0]], np.float32)
    data = Dataset("t", x, np.arange(2), feature_names=("old", "size", "kind=a", "kind=b"))
    assert said(data, data.y)[-2].endswith("mixed (1 columns bernoulli, 1 columns gaussian, 2 columns categorical)")
