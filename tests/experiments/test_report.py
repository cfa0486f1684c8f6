"""Files and the summary."""

import io
import json

from rich.console import Console

from ssvae.experiments import report

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
