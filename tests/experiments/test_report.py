"""Files and the summary."""

import io
import json

import numpy as np
from rich.console import Console

from ssvae.experiments import report
from ssvae.types import Dataset

METRICS = {"dataset": "digits", "test_error": 3.456, "valid_error": None, "bound": -20.5, "recall": {"0": 99.0}}


def test_json_can_be_read_and_holds_no_nan():
    text = report.to_json({"a": float("nan"), "b": [1, float("inf")], 3: {"c": 2.0}})
    assert json.loads(text) == {"a": None, "b": [1, None], "3": {"c": 2.0}}
    assert len(text.splitlines()) == 5


def test_history_leaves_cells_without_a_number_empty(tmp_path):
    report.write_history(tmp_path, {"stage": ["m1", "m2"], "loss": [1.5, 0.5], "cross_entropy": [None, float("nan")]})
    assert (tmp_path / "history.csv").read_text() == "stage,loss,cross_entropy\nm1,1.5,\nm2,0.5,\n"


def test_summary_shows_what_there_is_and_rounds():
    for terminal in (False, True):
        text = io.StringIO()
        report.summary(METRICS, Console(file=text, force_terminal=terminal, width=80), "runs/x")
        assert "3.46 %" in text.getvalue()
        assert "runs/x" in text.getvalue()
        assert "validation" not in text.getvalue()


def test_lines_are_plain():
    text = report.lines({"error": 3.456789, "recall": {"0": 99.5}, "confusion": [[10, 0], [1, 9]]})
    assert text == "error: 3.457\nrecall: 0: 99.5\nconfusion: \n  10  0\n   1  9"


def test_what_is_learnt_from_is_said_before():
    text, y = io.StringIO(), np.array(["ant", -1, "?", "ant"], object)
    kinds = {"numbers": 2, "text": 1}
    data = Dataset("t", np.zeros((4, 5)), y, x_test=np.zeros((3, 5)), column_kinds=kinds)
    report.show_data(Console(file=text, width=80), data, y, -1)
    assert text.getvalue().splitlines() == [
        "t: 4 rows to learn from; held out: 3 to test",
        "columns: 2 of numbers, 1 of text; 5 features",
        "classes: ? (1), ant (2)",
        "labelled rows: 3, unlabelled: 1",
        "if '?' means that a row has no label, say --no-label '?'",
    ]
    text, y = io.StringIO(), np.arange(90)
    report.show_data(Console(file=text, width=80), Dataset("d", np.zeros((90, 4)), y), y, -1)
    assert text.getvalue().splitlines()[:2] == ["d: 90 rows to learn from; held out: none", "columns: 4 of numbers"]
    assert text.getvalue().splitlines()[2].endswith("19 (1), and 70 more")


def test_missing_numbers_are_counted_before_a_fit():
    x = np.array([[1, np.nan], [np.nan, np.nan], [3, 4]], np.float32)
    console = Console(file=io.StringIO(), width=200)
    report.show_data(console, Dataset("t", x, np.array([0, 1, -1])), np.array([0, 1, -1]), -1)
    assert "columns: 2 of numbers; 3 numbers are missing, in 2 columns" in console.file.getvalue()
