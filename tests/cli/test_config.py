"""`ssvae config`: settings printed and written."""

import yaml
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.settings.files import shipped


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, ["config", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_print_lists_the_shipped_settings():
    assert invoke("print").stdout.split() == shipped()


def test_print_shows_settings_as_they_are_and_resolved():
    assert "alpha" not in yaml.safe_load(invoke("print", "digits").stdout)["classifier"]
    assert yaml.safe_load(invoke("print", "digits", "--resolved").stdout)["classifier"]["alpha"] == 0.1


def test_print_names_the_nearest():
    assert "did you mean 'digits'" in invoke("print", "digit", code=1).stderr


def test_init_writes_settings_that_fit_takes_and_keeps_what_is_there(tmp_path):
    file = tmp_path / "my.yaml"
    invoke("init", file)
    first = file.read_text()
    assert yaml.safe_load(first)["dataset"] == {"name": "digits", "labels": 100}
    assert invoke("print", file, "--resolved").stdout == first
    assert "--overwrite" in invoke("init", file, code=1).stderr
    assert file.read_text() == first
    invoke("init", file, "--overwrite")
