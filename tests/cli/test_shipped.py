"""Without --config, the settings that are shipped for a data set and a model are what the other sources count over."""

import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.experiments import run


@pytest.fixture
def chosen(monkeypatch, tmp_path):
    """Call `ssvae fit` with the experiment replaced; return the classifier's settings that reached it."""
    calls = []
    monkeypatch.setattr(run, "run", lambda config, folder, **options: calls.append(config) or {"error": 1.0})
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(main, ["fit", *arguments])
        assert result.exit_code == 0, result.output
        return calls[-1]["classifier"], result.stderr

    return call


def test_the_default_is_the_quick_default(chosen):
    classifier, words = chosen()
    assert classifier["likelihood"] == {"name": "binomial", "trials": 16}
    assert "settings shipped for digits and m1_m2" in words


def test_data_set_and_model_choose(chosen):
    assert chosen("--dataset", "mnist", "--model", "m2")[0]["model"]["normalization"] == "layer"
    assert chosen("--dataset", "mnist")[0]["model"]["name"] == "m1_m2"
    for arguments in (["--model", "m2"], ["--dataset", "fashion_mnist"]):
        classifier, words = chosen(*arguments)
        assert classifier["likelihood"] == "auto"
        assert "shipped" not in words


def test_they_are_the_lowest_source(chosen):
    classifier, _ = chosen("--set", "classifier.epochs=3", "--set", "classifier.model.latent=9", "--model", "m1_m2")
    assert classifier["epochs"] == 3
    assert classifier["model"]["latent"] == 9
    assert classifier["model"]["hidden"] == [200]


def test_a_file_takes_their_place(chosen, tmp_path):
    (tmp_path / "own.yaml").write_text("classifier: {alpha: 0.3}")
    classifier, words = chosen("--config", "own.yaml")
    assert (classifier["alpha"], classifier["likelihood"]) == (0.3, "auto")
    assert "shipped" not in words


def test_own_data_have_none(chosen, tmp_path):
    (tmp_path / "own.csv").write_text("a,y\n1,u\n2,v\n")
    assert chosen("--data", "own.csv", "--target", "y")[0]["likelihood"] == "auto"


def test_another_inference_method_starts_with_its_own_defaults(chosen):
    assert chosen()[0]["inference"] == {"name": "amortized", "kl_warm_up": 0.0}
    assert chosen("--inference", "amortized")[0]["inference"] == {"name": "amortized", "kl_warm_up": 0.0}
    assert chosen("--inference", "iterative")[0]["inference"] == {"name": "iterative"}
    more = ("--set", "classifier.inference.steps=3", "--inference", "iterative")
    assert chosen(*more)[0]["inference"] == {"name": "iterative", "steps": 3}


def test_the_same_inference_method_keeps_its_arguments(chosen, tmp_path):
    (tmp_path / "own.yaml").write_text("classifier: {inference: {name: gradient_refined, steps: 7, samples: 3}}")
    more = ("--config", "own.yaml", "--inference", "gradient_refined", "--set", "classifier.inference.samples=4")
    assert chosen(*more)[0]["inference"] == {"name": "gradient_refined", "steps": 7, "samples": 4}


def test_arguments_of_another_inference_method_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["fit", "--inference", "iterative", "--set", "classifier.inference.rate=1"])
    assert result.exit_code == 1
    assert "unknown classifier.inference key 'rate'" in result.stderr
