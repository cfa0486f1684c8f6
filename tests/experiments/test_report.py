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


def test_the_safe_mode_says_what_its_members_would_have_given():
    one = {"error": 12.5, "error_low": 6.0, "error_high": 24.0, "nll": 0.4}
    members = {"columns/random_forest": {**one, "weight": 0.2}, "encoder": {**one, "error": 10.0, "weight": 0.7}}
    members["latents/kernel_logistic_regression"] = {**one, "weight": 0.001}
    safe = {"rows": 40, "folds": 5, "repeats": 3, "members": members, "average": {**one, "error": 9.0}}
    safe |= {"without_unlabelled": {**one, "error": 11.0}, "gain_of_unlabelled": {"error": 2.0, "error_se": 0.75}}
    text = io.StringIO()
    report.summary({"dataset": "t", "safe": safe}, Console(file=text, width=200))
    assert text.getvalue().splitlines() == [
        "data set                   t",
        "safe mode, the average     9.0 % (6.0 to 24.0); 3 x 5 folds of 40 labelled rows",
        "  without unlabelled rows  11.0 % (6.0 to 24.0), +2.0 ± 0.8",
        "  the model's q(y|x)       10.0 % (6.0 to 24.0), weight 0.70",
        "  columns: random forest   12.5 % (6.0 to 24.0), weight 0.20",
    ]
    text = io.StringIO()
    report.summary({"dataset": "t", "safe": {**safe, "groups_split": True}}, Console(file=text, width=200))
    assert "40 labelled rows, which part the rows of a group: expect more\n" in text.getvalue()
    text = io.StringIO()
    report.summary({"dataset": "t", "safe": {"rows": 1, "members": {}}}, Console(file=text, width=200))
    assert text.getvalue().split() == ["data", "set", "t"]
