"""One experiment: its folder, its numbers, and what happens when it is stopped."""

import io
import json

import numpy as np
import pytest
import yaml
from rich.console import Console

import ssvae
from ssvae.datasets.load import load_dataset
from ssvae.experiments import run, run_folder, run_metrics, supervised_baseline
from ssvae.training.checkpoint import Checkpoint

CONFIG = {"dataset": {"name": "digits", "labels": 50}, "classifier": {"model": "m2"}, "seed": 1}
X, Y = np.eye(6, dtype=np.float32), np.arange(6) % 2
FIGURES = ["analogies", "confusion_matrix", "latent_map", "learning_curves", "reconstructions", "samples"]


@pytest.fixture
def no_pictures(monkeypatch):
    """Leave out what takes most of a quick run."""
    monkeypatch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})


@pytest.fixture
def done(quick_core, no_pictures, tmp_path):
    metrics = run.run(CONFIG, tmp_path / "run")
    return tmp_path / "run", metrics


def test_the_folder_holds_everything(quick_core, tmp_path):
    folder = tmp_path / "run"
    run.run(CONFIG, folder)
    found = sorted(path.name for path in folder.iterdir())
    assert found == sorted([*run_folder.FILES, "model", "figures"])
    assert sorted(path.stem for path in (folder / "figures").iterdir()) == FIGURES
    assert all(path.stat().st_size > 3000 for path in (folder / "figures").iterdir())


def test_metrics(done):
    folder, metrics = done
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert (metrics["dataset"], metrics["model"], metrics["labels"], metrics["seed"]) == ("digits", "m2", 50, 1)
    dataset, rows = load_dataset("digits"), json.loads((folder / "labeled.json").read_text())["rows"]
    x, y = np.asarray(dataset.x)[rows], np.asarray(dataset.y)[rows]
    for name, center in (("test_error", np.mean), ("supervised_error", np.median)):  # what the two classifiers take
        centers = np.stack([center(x[y == k], axis=0) for k in range(10)])
        nearest = ((np.asarray(dataset.x_test)[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        assert metrics[name] == pytest.approx(100 * np.mean(nearest != dataset.y_test))  # in percent
    assert metrics["supervised_error"] != metrics["test_error"]
    assert metrics["bound"] < -10
    assert "valid_error" not in metrics
    assert "bits_per_dim" not in metrics
    assert metrics["seconds_total"] > metrics["seconds_fit"] > 0


def test_a_second_try_of_the_same_launch_does_not_overwrite(quick_core, no_pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("SSVAE_LAUNCH", "1")
    folder = tmp_path / "run"
    first = run.run(CONFIG, folder)
    assert run.run(CONFIG, folder, overwrite=True) == first  # its times, too: nothing was trained again
    monkeypatch.setenv("SSVAE_LAUNCH", "2")
    assert run.run(CONFIG, folder, overwrite=True) != first


TINY = {"model": {"name": "m2", "latent": 2, "hidden": [4]}, "regularizers": [], "epochs": 1}


@pytest.mark.parametrize(
    ("likelihood", "levels"),
    [
        ({"name": "gaussian", "dequantize": 17}, 17),
        ({"name": "binomial", "trials": 16}, 1),
        ({"name": "gaussian"}, None),
    ],
)
def test_bits_a_dimension_of_what_is_a_probability(no_pictures, tmp_path, likelihood, levels):
    metrics = run.run({**CONFIG, "classifier": {**TINY, "likelihood": likelihood}}, tmp_path / "run")
    assert ("bits_per_dim" in metrics) == (levels is not None)
    if levels is not None:
        expected = (64 * np.log(levels) - metrics["bound"]) / (64 * np.log(2))
        assert metrics["bits_per_dim"] == pytest.approx(expected)


def test_perplexity_of_words(no_pictures, tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (60, 5))
    counts[:2], y = 0, np.arange(60) % 2
    np.savez(tmp_path / "words.npz", x=counts[20:], y=y[20:], x_test=counts[:20], y_test=y[:20])
    config = {"dataset": {"data": str(tmp_path / "words.npz")}, "classifier": {**TINY, "likelihood": "multinomial"}}
    metrics = run.run(config, tmp_path / "run")
    assert metrics["wordless"] >= 2
    assert 3 < metrics["perplexity"] < 8  # of five words, before anything is learnt
    assert "bits_per_dim" not in metrics


def test_settings_are_written_with_every_default(done):
    folder, _ = done
    written = yaml.safe_load((folder / "config.yaml").read_text())
    assert written["classifier"]["alpha"] == 0.1
    assert "callbacks" not in written["classifier"]
    assert written["dataset"] == {"name": "digits", "labels": 50}


def test_the_seed_decides_the_labelled_rows(quick_core, no_pictures, tmp_path):
    rows = []
    for n, seed in enumerate((1, 1, 2)):
        run.run({**CONFIG, "seed": seed}, tmp_path / str(n))
        rows.append(json.loads((tmp_path / str(n) / "labeled.json").read_text())["rows"])
    assert rows[0] == rows[1] != rows[2]
    assert len(rows[0]) == 50


def test_environment_names_versions_threads_and_command(done):
    kept = json.loads((done[0] / "environment.json").read_text())
    assert kept["versions"]["tensorflow"]
    assert set(kept["threads"]) == {"intra_op", "inter_op"}
    assert kept["cpu_count"] >= 1
    assert kept["command"]


def test_history_has_one_line_an_epoch(done):
    lines = (done[0] / "history.csv").read_text().splitlines()
    assert lines[0].startswith("stage,epoch,loss")
    assert len(lines) == 4


def test_a_folder_that_is_not_empty_is_refused(done):
    folder, _ = done
    with pytest.raises(ValueError, match=r"not empty.*--out.*--overwrite.*--resume"):
        run.run(CONFIG, folder)


def test_overwrite_trains_again(done, quick_core, monkeypatch):
    folder, _ = done
    fitted = []
    plain = quick_core.fit
    monkeypatch.setattr(quick_core, "fit", lambda self, X, y: fitted.append(len(X)) or plain(self, X, y))
    run.run({**CONFIG, "classifier": {"model": "m2", "alpha": 0.5}}, folder, overwrite=True)
    assert fitted == [1297, 50]  # the model, and its supervised baseline
    assert yaml.safe_load((folder / "config.yaml").read_text())["classifier"]["alpha"] == 0.5


def test_overwrite_trains_again_beside_a_training_state_of_other_settings(no_pictures, tmp_path):
    settings = {"dataset": {"name": "digits", "labels": 50, "valid": 0}}
    for epochs in (2, 3):
        classifier = {"model": {"name": "supervised", "hidden": [4]}, "regularizers": [], "epochs": epochs}
        run.run({**settings, "classifier": classifier}, tmp_path / "run", overwrite=True)
        assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 1 + epochs
        assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["classifier"]["epochs"] == epochs
        ssvae.SSVAEClassifier(**classifier, callbacks=[Checkpoint(tmp_path / "run" / "checkpoint")]).fit(X, Y)


def test_resume_and_overwrite_together_are_refused(done):
    with pytest.raises(ValueError, match="one of the two"):
        run.run(CONFIG, done[0], resume=True, overwrite=True)


def test_bad_data_leave_no_folder(quick_core, tmp_path):
    (tmp_path / "own.csv").write_text("a,kind\n1,\n2,\n3,\n")
    with pytest.raises(ValueError, match="no labelled row"):
        run.run({"dataset": {"data": str(tmp_path / "own.csv"), "target": "kind"}}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bad_settings_leave_the_old_run_alone(done, monkeypatch):
    folder, metrics = done
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "state.safetensors").write_text("days of training")
    plain = type(ssvae.SSVAEClassifier()).fit

    def picky(self, X, y):
        if self.alpha < 0:
            raise ValueError("alpha must be >= 0")
        return plain(self, X, y)

    monkeypatch.setattr(ssvae.SSVAEClassifier, "fit", picky)
    with pytest.raises(ValueError, match="alpha must be >= 0"):
        run.run({**CONFIG, "classifier": {"alpha": -1.0}}, folder, overwrite=True)
    for bad in ({"dataset": {"name": "digits", "labels": 3}}, {"classifier": {"alfa": 1}}):
        with pytest.raises(ValueError, match=r"labels=3|did you mean 'alpha'"):
            run.run({**CONFIG, **bad}, folder, overwrite=True)
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert (folder / "checkpoint" / "state.safetensors").read_text() == "days of training"


def test_resume_of_a_finished_run_only_reports(done, quick_core, monkeypatch):
    folder, metrics = done
    monkeypatch.setattr(quick_core, "fit", lambda *_: pytest.fail("trained again"))
    assert run.run(CONFIG, folder, resume=True) == metrics


def test_resume_with_other_settings_is_refused_and_names_the_difference(done):
    with pytest.raises(ValueError, match=r"classifier.alpha was 0.1 and is now 0.5"):
        run.run({**CONFIG, "classifier": {"model": "m2", "alpha": 0.5}}, done[0], resume=True)


def test_an_interrupted_run_goes_on(quick_core, no_pictures, tmp_path, monkeypatch):
    def interrupt(self, *_):
        for callback in self.callbacks:
            callback.stage_begin("m2", 3, 0)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(quick_core, "fit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.run(CONFIG, tmp_path / "run")
    with pytest.raises(ValueError, match="not finished"):
        run_folder.open_run(tmp_path / "run")
    metrics = run.run(CONFIG, tmp_path / "run", resume=True)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text()) == metrics


def test_what_was_trained_is_not_trained_again_after_a_later_interruption(
    quick_core, no_pictures, tmp_path, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_metrics, "fit_supervised_baseline", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.run(CONFIG, tmp_path / "run")
    fitted = []
    plain = quick_core.fit
    monkeypatch.setattr(quick_core, "fit", lambda self, X, y: fitted.append(len(X)) or plain(self, X, y))
    run.run(CONFIG, tmp_path / "run", resume=True)
    assert fitted == [50]  # the baseline alone


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(ValueError, match="is no run"):
        run_folder.open_run(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(quick_core, tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        run.run(CONFIG, tmp_path / "run")


def test_the_summary_is_plain_where_there_is_no_terminal(quick_core, no_pictures, tmp_path):
    text = io.StringIO()
    run.run(CONFIG, tmp_path / "run", console=Console(file=text))
    assert "labelled rows alone" in text.getvalue()
    assert "\x1b" not in text.getvalue()


def test_own_table_with_missing_labels(quick_core, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 2))
    rows = [f"{a:.3f},{b:.3f},{'' if n % 3 else 'ab'[int(a > 0)]}" for n, (a, b) in enumerate(values)]
    (tmp_path / "own.csv").write_text("\n".join(["width,length,kind", *rows]))
    config = {"dataset": {"data": str(tmp_path / "own.csv"), "target": "kind", "test": 0.2}}
    text = io.StringIO()
    metrics = run.run(config, tmp_path / "run", console=Console(file=text))
    assert metrics["dataset"] == "own"
    assert metrics["labels"] == 24  # a third of the rows has a label, a fifth of those is held out as asked
    assert sorted(path.stem for path in (tmp_path / "run" / "figures").iterdir()) == sorted(
        {*FIGURES} - {"reconstructions", "samples"}
    )
    assert "no samples: the rows are not images" in text.getvalue()


@pytest.mark.parametrize(
    ("slot", "network"),
    [
        ({"name": "m2", "hidden": [30], "activation": "elu"}, {"hidden": (30, 30), "activation": "elu"}),
        ({"name": "m2", "hidden": [30, 20]}, {"hidden": (30, 20, 20)}),
        ({"name": "m2", "classifier_hidden": [9], "normalization": "layer"}, {"hidden": [9], "normalization": "layer"}),
        ({"name": "m1_m2", "m2": {"hidden": 40}, "activation": "tanh"}, {"hidden": (40, 40), "activation": "tanh"}),
    ],
)
def test_the_baseline_has_the_network_of_the_models_classifier(quick_core, slot, network):
    settings = supervised_baseline.settings({"model": slot})
    assert settings["model"].pop("name") == "supervised"
    assert settings["model"].items() >= network.items()
    assert settings["epochs"] == "auto"


def test_a_model_without_a_classifier_network_has_the_baselines_own(quick_core):
    assert supervised_baseline.settings({"model": {"name": "m1", "classifier": "svm"}})["model"] == {
        "name": "supervised"
    }


def test_the_baseline_is_the_network_alone(quick_core):
    assert supervised_baseline.settings({"model": "m2", "safe": True})["safe"] is False
    assert "safe" not in supervised_baseline.settings({"model": "m2"})


def test_the_baseline_does_not_stop_early(quick_core):
    assert supervised_baseline.settings({"model": "m2", "early_stopping": {"every": 5}})["early_stopping"] is None
    assert "early_stopping" not in supervised_baseline.settings({"model": "m2"})


def test_the_baseline_takes_settings_by_stage_from_the_last_stage(quick_core):
    by_stage = {"model": "m1_m2", "learning_rate": {"m1": 0.002, "m2": 0.001}, "epochs": {"m1": 5, "m2": 7}}
    settings = supervised_baseline.settings(by_stage)
    assert (settings["learning_rate"], settings["epochs"]) == (0.001, "auto")
