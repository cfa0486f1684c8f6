"""M1's own: its decoder may have other widths than its encoder."""

import numpy as np

from ssvae import SSVAEClassifier, load
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.m1 import M1


def test_the_decoder_has_the_encoders_widths_in_reverse():
    model = M1(6, Bernoulli(), latent=2, hidden=[5, 4])
    assert (model.encoder.hidden, model.decoder.hidden) == ((5, 4), (4, 5))


def test_the_decoder_may_have_widths_of_its_own(tmp_path):
    slot = {"name": "m1", "latent": 2, "hidden": [], "decoder_hidden": [5, 3], "classifier": "logistic_regression"}
    x, y = np.random.default_rng(0).random((30, 6)).astype(np.float32), np.arange(30) % 2
    fitted = SSVAEClassifier(slot, epochs=1, random_state=0).fit(x, y)
    assert (fitted.model_.encoder.hidden, fitted.model_.decoder.hidden) == ((), (5, 3))
    fitted.save(tmp_path / "model")
    np.testing.assert_allclose(load(tmp_path / "model").bound(x), fitted.bound(x), rtol=1e-5)
    again = M1.from_config(fitted.model_.get_config())
    again.set_weights(fitted.model_.get_weights())
    assert again.decoder.hidden == (5, 3)
    assert M1(6, Bernoulli(), hidden=4, decoder_hidden=3).decoder.hidden == (3,)
