"""The dynamic Bayes net in both forms: a row of the table, on few draws."""

import numpy as np
import pytest
from click.testing import CliRunner

from ssvae.bayes_nets.draws import Draws
from ssvae.cli.main import main
from ssvae.experiments.reproductions.base import Measurement
from ssvae.experiments.reproductions.mixing import Mixing, dynamic_net


@pytest.mark.slow
def test_the_auxiliary_form_mixes_faster(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ssvae.bayes_nets.sampling.choose_form", lambda *_, **how: {"z": "auxiliary"}
    )  # it takes two runs more
    found = Mixing(0.1, chains=8, warm_up=200).run("tiny", tmp_path, Measurement(samples=200))
    assert found["ratio"] > 4
    assert found["auxiliary_ess_per_gradient"] > 0.01
    assert (tmp_path / "autocorrelation.png").stat().st_size > 5000


def test_few_draws_are_enough_or_refused_before_anything_is_drawn(tmp_path, monkeypatch):
    rng, calls = np.random.default_rng(0), []

    def sample(net, data, form, draws, chains, **how):
        calls.append(form)
        each = np.ones((draws, chains, 1))
        values = {"z": rng.normal(size=(draws, chains, 1, 20, 10))}
        return Draws(values, each, each > 1, 20 * draws, 1.0, 1.0, {"z": "auxiliary"})

    monkeypatch.setattr("ssvae.bayes_nets.sampling.sample", sample)
    with pytest.raises(ValueError, match=r"mixing-0\.1 needs --samples of at least 4, got 3"):
        Mixing(0.1).run("mixing-0.1", tmp_path, Measurement(samples=3))
    assert not calls
    found = Mixing(0.1, chains=2).run("mixing-0.1", tmp_path, Measurement(samples=4))
    assert np.isfinite(found["ratio"])
    assert (tmp_path / "autocorrelation.png").stat().st_size > 5000


def test_the_net_is_that_of_the_slides():
    net = dynamic_net(0.3, 0)
    drawn = {name: value.numpy() for name, value in net.sample((500,), 1).items()}
    assert drawn["z"].shape == (500, 20, 10)
    assert drawn["x"].shape == (500, 20)
    np.testing.assert_array_equal(np.unique(drawn["x"]), [0, 1])
    assert abs(drawn["z"][:, 0].std() - 1.0) < 0.05
    assert 0.3 < drawn["z"][:, 1:].std() < 1.1


def test_many_chains_of_the_net_keep_their_noise():
    # A product of stacked matrices with one matrix, eagerly by oneDNN, wrote beside its result.
    net = dynamic_net(0.3, 0)
    drawn = net.sample((32, 1), 0)
    back = net.values(net.noise(drawn))
    np.testing.assert_allclose(back["z"], drawn["z"], atol=1e-4)
    logits = net.observed["x"].given(drawn).logits.numpy()
    assert logits.shape == (32, 1, 20)
    v = np.linalg.lstsq(drawn["z"].numpy().reshape(-1, 10), logits.reshape(-1))[0]
    np.testing.assert_allclose(logits, drawn["z"].numpy() @ v, atol=1e-4)


def test_the_command_lists_rows_and_refuses_epochs():
    listed = CliRunner().invoke(main, ["reproduce", "auxiliary", "--list"])
    assert "mixing-0.03" in listed.output
    wrong = CliRunner().invoke(main, ["reproduce", "auxiliary", "mixing-1", "--epochs", "3"])
    assert wrong.exit_code == 1
    assert "this one draws: give --samples" in wrong.output
