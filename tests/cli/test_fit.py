"""`ssvae fit`: where settings come from, and what goes to which stream."""

import json
import os

import pytest
import yaml
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.experiments import run

METRICS = {"dataset": "digits", "test_error": 3.0}


@pytest.fixture
def ran(quick_core, monkeypatch, tmp_path):
    """Call `ssvae fit` with the experiment replaced; return the settings and folder that reached it."""
    calls = []

    def run(config, folder, **options):
        calls.append((config, str(folder), options))
        return METRICS

    monkeypatch.setattr("ssvae.experiments.run.run", run)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SSVAE_")]:
        monkeypatch.delenv(name)

    def call(*arguments, env=None, code=0):
        calls.clear()
        result = CliRunner().invoke(main, ["fit", *arguments], env=env)
        assert result.exit_code == code, result.output
        return (*calls[0], result) if calls else result

    return call


# Option, its path, what the YAML file says, what the environment says, what the option says.
LAYERS = [
    ("--dataset", ("dataset", "name"), "mnist", "svhn", "norb"),
    ("--labels", ("dataset", "labels"), 10, 20, 30),
    ("--data-dir", ("dataset", "folder"), "a", "b", "c"),
    ("--model", ("classifier", "model"), "m1", "m2", "supervised"),
    ("--inference", ("classifier", "inference"), "importance_weighted", "importance_weighted", "amortized"),
    ("--seed", ("seed",), 1, 2, 3),
]


def at(config, path):
    for key in path:
        config = config[key]
    return config["name"] if isinstance(config, dict) else config


@pytest.mark.parametrize(("flag", "path", "in_file", "in_env", "in_line"), LAYERS)
def test_options_over_environment_over_yaml(ran, tmp_path, flag, path, in_file, in_env, in_line):
    values = in_file
    for key in reversed(path):
        values = {key: values}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(values))
    env = {"SSVAE_" + flag[2:].replace("-", "_").upper(): str(in_env)}
    file = ("--config", "my.yaml")
    assert at(ran(*file)[0], path) == in_file
    assert at(ran(*file, env=env)[0], path) == in_env
    assert at(ran(*file, flag, str(in_line), env=env)[0], path) == in_line
    assert at(ran(*file, flag, str(in_line))[0], path) == in_line


def test_a_flag_is_read_from_the_environment(ran, tmp_path):
    (tmp_path / "my.yaml").write_text("dataset: {data: a.npy}")
    assert ran("--config", "my.yaml", env={"SSVAE_STREAM": "1"})[0]["dataset"]["stream"] is True


def test_names_beyond_ascii_are_utf8_where_the_locale_is_ascii(ran, tmp_path, monkeypatch):
    """There Python hands over each byte beyond ASCII as a surrogate (PEP 383), which names of files keep."""
    column, word, file = (text.encode().decode("ascii", "surrogateescape") for text in ("größe", "süß", "ä.npy"))
    given = ("--data", file, "--target", column, "--no-label", word)
    dataset = ran(*given, "--set", f"dataset.decimal={word}")[0]["dataset"]
    assert [dataset[key] for key in ("data", "target", "no_label", "decimal")] == [file, "größe", ["süß"], "süß"]
    monkeypatch.setattr("os.path.exists", lambda path: path == file)
    assert ran("--data", file, "--target", file)[0]["dataset"]["target"] == file


def test_data_and_target_over_yaml(ran, tmp_path):
    (tmp_path / "my.yaml").write_text("dataset: {data: a.csv, target: u}")
    dataset = ran("--config", "my.yaml")[0]["dataset"]
    assert (dataset["data"], dataset["target"], dataset["labels"]) == ("a.csv", "u", None)
    env = {"SSVAE_DATA": "b.csv", "SSVAE_TARGET": "v"}
    dataset = ran("--config", "my.yaml", env=env)[0]["dataset"]
    assert (dataset["data"], dataset["target"]) == ("b.csv", "v")
    dataset = ran("--config", "my.yaml", "--data", "c.csv", "--target", "w", env=env)[0]["dataset"]
    assert (dataset["data"], dataset["target"]) == ("c.csv", "w")


def test_own_data_take_the_place_of_a_named_data_set(ran, tmp_path):
    (tmp_path / "my.yaml").write_text("dataset: {name: mnist, pool: 60000, labels: 20}")
    dataset = ran("--config", "my.yaml", "--data", "own.csv")[0]["dataset"]
    assert dataset == {"labels": 20, "test": 0.0, "data": "own.csv"}


def test_defaults(ran):
    config, folder, options, _ = ran()
    assert config["dataset"] == {"name": "digits", "labels": 100}
    assert (config["seed"], config["classifier"]["alpha"]) == (0, 0.1)
    assert folder == "runs/digits-m1_m2-100-0"
    assert (options["overwrite"], options["resume"]) == (False, False)


def test_out_overrides_the_folder_and_the_environment(ran):
    assert ran(env={"SSVAE_OUT": "b"})[1] == "b"
    assert ran("--out", "c", env={"SSVAE_OUT": "b"})[1] == "c"
    assert ran("--model", "m2", "--labels", "50", "--seed", "4")[1] == "runs/digits-m2-50-4"
    assert ran("--data", "my/own.csv")[1] == "runs/own-m1_m2-all-0"
    assert ran("--inference", "amortized")[1] == "runs/digits-m1_m2-100-0"
    assert ran("--set", "classifier.inference={name: iterative}")[1] == "runs/digits-m1_m2-iterative-100-0"


def test_the_default_folder_tells_settings_apart(ran, tmp_path):
    plain = "runs/digits-m1_m2-100-0"
    alpha = [ran("--set", f"classifier.alpha={value}")[1] for value in (0.2, 0.3)]
    assert len({plain, *alpha}) == 3
    assert all(folder.startswith(f"{plain}-") for folder in alpha)
    assert ran("--set", "classifier.alpha=0.2")[1] == alpha[0]
    assert ran("--set", "classifier.alpha=0.1")[1] == plain  # the default
    assert ran("--set", "classifier.verbose=1", "--data-dir", "d")[1] == plain
    (tmp_path / "my.yaml").write_text("classifier: {alpha: 0.2}")
    assert ran("--config", "my.yaml")[1] == alpha[0]
    assert ran("--set", "dataset.valid=50")[1] != plain
    assert ran("--data", "own.csv", "--target", "a/b")[1] == "runs/own-a_b-m1_m2-all-0"


def test_config_from_the_environment_and_over_it(ran, tmp_path):
    for name, seed in (("a", 5), ("b", 6)):
        (tmp_path / f"{name}.yaml").write_text(f"seed: {seed}")
    assert ran(env={"SSVAE_CONFIG": "a.yaml"})[0]["seed"] == 5
    assert ran("--config", "b.yaml", env={"SSVAE_CONFIG": "a.yaml"})[0]["seed"] == 6


def test_set_reaches_constructor_arguments_and_has_the_last_word(ran):
    config = ran("--set", "classifier.alpha=0.2", "--set", "classifier.model.latent=7", "--set", "dataset.valid=50")[0]
    assert config["classifier"]["alpha"] == 0.2
    assert config["classifier"]["model"] == {"name": "m1_m2", "latent": 7}
    assert config["dataset"]["valid"] == 50
    assert ran("--seed", "1", "--set", "seed=2")[0]["seed"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "classifier.alfa=1"], "--set classifier.alfa=1: unknown classifier key 'alfa'"),
        (["--model", "m22"], "--model: unknown model 'm22'"),
        (["--dataset", "mist"], "did you mean 'mnist'"),
        (["--set", "classifier.alpha=fast"], "classifier.alpha must be a number, was given 'fast'"),
        (["--set", "dataset.pool=1"], "unknown dataset key 'pool'"),
        (["--config", "nowhere.yaml"], "no such file"),
    ],
)
def test_wrong_settings_are_errors_of_one_line(ran, arguments, words):
    result = ran(*arguments, code=1)
    assert words in result.stderr
    assert result.stdout == ""


def test_wrong_settings_in_a_file_name_the_line(ran, tmp_path):
    (tmp_path / "my.yaml").write_text("seed: 1\nclassifier:\n  alfa: 0.2\n")
    assert "my.yaml, line 3: unknown classifier key 'alfa'" in ran("--config", "my.yaml", code=1).stderr


def test_wrong_settings_in_the_environment_name_the_variable(ran):
    assert "SSVAE_MODEL (environment): unknown model" in ran(env={"SSVAE_MODEL": "m9"}, code=1).stderr


def test_json_is_all_of_stdout(ran):
    assert json.loads(ran("--json")[-1].stdout) == METRICS
    assert ran()[-1].stdout == ""


def test_flags_reach_the_experiment_but_not_together(ran):
    assert ran("--resume")[2]["resume"]
    assert ran("--overwrite")[2]["overwrite"]
    assert "one of the two" in ran("--resume", "--overwrite", code=2).stderr


def test_ctrl_c_says_how_to_continue(ran, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", interrupt)
    monkeypatch.setattr("sys.argv", ["ssvae", "fit", "--labels", "50", "--overwrite"])
    assert "`ssvae fit --labels 50 --resume` continues" in ran("--labels", "50", code=130).stderr


def test_help_states_the_objective():
    text = CliRunner().invoke(main, ["fit", "--help"]).output
    assert "-[ (N_l/N) mean_l L + (N_u/N) mean_u U ] + alpha mean_l CE" in text
    assert "0.1 N / N_l" in text


def test_words_that_mean_no_label_may_be_several(ran):
    config, _, _, _ = ran("--data", "t.csv", "--target", "kind", "--no-label", "?", "--no-label", "none")
    assert config["dataset"]["no_label"] == ["?", "none"]
    assert "no_label" not in ran("--data", "t.csv")[0]["dataset"]
