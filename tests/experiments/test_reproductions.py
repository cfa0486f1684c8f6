"""Tables of papers: every row can be built, and one that was trained is only measured."""

import json

import pytest
from click.testing import CliRunner

from ssvae import SSVAEClassifier
from ssvae.cli.main import main
from ssvae.experiments.reproductions import REPRODUCTIONS
from ssvae.experiments.reproductions.base import COST, Measurement, Row
from ssvae.experiments.reproductions.measures import MEASURES

TABLES = {table: REPRODUCTIONS.get(table) for table in REPRODUCTIONS.names()}
ROWS = [(table, name) for table, rows in TABLES.items() for name, row in rows.items() if isinstance(row, Row)]
TINY = Row(
    "digits",
    {"model": {"name": "sbn", "latent": [6]}, "likelihood": "bernoulli", "gradient": "nvil", "epochs": 2},
    "density",
    "12.3",
)


@pytest.mark.parametrize(("table", "name"), ROWS)
def test_settings_of_a_row_are_ones_that_the_estimator_takes(table, name):
    from ssvae.settings.checks import check
    from ssvae.settings.schema import schema

    row = REPRODUCTIONS.get(table)[name]
    check({"dataset": {"name": row.data}, "classifier": dict(row.settings)}, schema())
    assert row.measure in MEASURES
    assert row.paper
    SSVAEClassifier(**row.settings)


def test_a_trained_row_is_only_measured(tmp_path, monkeypatch):
    first = TINY.run("tiny", tmp_path / "tiny", Measurement(samples=5, rows=50))
    assert first["paper"] == "12.3"
    assert first["measured"] == "50 test rows"
    assert first["negative_log_p"] <= first["negative_bound"]
    assert first["seconds"] > 0
    monkeypatch.setattr(SSVAEClassifier, "fit", None)
    least = TINY.run("tiny", tmp_path / "tiny", Measurement(samples=1, rows=1))
    assert least["negative_log_p"] == least["negative_bound"] > 0
    assert "standard_error" not in least  # of one row
    again = TINY.run("tiny", tmp_path / "tiny", Measurement(samples=5, rows=50))
    assert again["standard_error"] > 0
    assert again["negative_log_p"] == pytest.approx(first["negative_log_p"], rel=1e-6)
    kept = json.loads((tmp_path / "tiny" / COST).read_text())
    assert kept["cost"]["cpu_seconds"] == again["cpu_seconds"] == first["cpu_seconds"]


def test_a_folder_of_other_settings_or_with_a_damaged_file_is_refused(tmp_path):
    folder = tmp_path / "tiny"
    TINY.run("tiny", folder, Measurement(samples=2, rows=5))
    with pytest.raises(ValueError, match="other settings or another seed"):
        TINY.run("tiny", folder, Measurement(samples=2, rows=5, seed=1))
    longer = TINY._replace(settings={**TINY.settings, "epochs": 3})
    with pytest.raises(ValueError, match="other settings or another seed"):
        longer.run("tiny", folder, Measurement(samples=2, rows=5))
    (folder / COST).write_text("[1")
    with pytest.raises(ValueError, match="cannot be read"):
        TINY.run("tiny", folder, Measurement(samples=2, rows=5))


def test_cpu_seconds_are_left_out_for_a_row_that_was_interrupted(tmp_path):
    TINY.run("tiny", tmp_path, Measurement(samples=2, rows=5))
    (tmp_path / COST).unlink()  # as if the command had ended here; the checkpoint stays
    again = TINY.run("tiny", tmp_path, Measurement(samples=2, rows=5))
    assert "cpu_seconds" not in again
    assert again["seconds"] > 0


def test_other_epochs_have_a_folder_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("ssvae.experiments.reproductions.nvil.TABLE", {"tiny": TINY})
    arguments = ["reproduce", "nvil", "tiny", "--samples", "2", "--test-rows", "5", "--runs", str(tmp_path), "--json"]
    for more, epochs in ((), 2), (("--epochs", "1"), 1):
        result = CliRunner().invoke(main, [*arguments, *more])
        assert json.loads(result.stdout)["epochs"] == epochs
    assert sorted(folder.name for folder in (tmp_path / "nvil").iterdir()) == ["tiny-0", "tiny-0-1"]


def test_the_command_lists_rows_and_names_the_nearest():
    listed = CliRunner().invoke(main, ["reproduce", "nvil", "--list"])
    assert listed.exit_code == 0
    assert "sbn-200-200-200" in listed.output
    wrong = CliRunner().invoke(main, ["reproduce", "nvil", "sbn-20"])
    assert wrong.exit_code == 1
    assert "did you mean 'sbn-200'" in wrong.output
    wrong = CliRunner().invoke(main, ["reproduce", "nvil", "sbn-200", "--seed", "-1"])
    assert wrong.exit_code == 2
    wrong = CliRunner().invoke(main, ["reproduce", "nvli"])
    assert "did you mean 'nvil'" in wrong.output
