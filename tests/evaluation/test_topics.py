"""Topics: the words that the decoder says a latent makes likelier."""

import numpy as np
import pytest

from ssvae.evaluation.topics import topics
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.likelihoods.multinomial import Multinomial
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.models.sbn import SBN

WORDS = ["ball", "game", "vote", "law", "the"]
WEIGHTS = np.array([[2.0, 1.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.9, 0.0]], np.float32)


@pytest.mark.parametrize("kind", [SBN, M1])
def test_words_are_those_of_a_linear_decoder(kind):
    model = kind(5, Multinomial(), latent=2, **({} if kind is SBN else {"decoder_hidden": []}))
    model.decoder.first[0].assign(WEIGHTS)
    first, second = topics(model, WORDS, top=2)
    name = "z1" if kind is SBN else "z"
    assert (first.latent, first.words) == (f"{name}[0]", ("ball", "game"))
    assert (second.latent, second.words) == (f"{name}[1]", ("law", "vote"))
    shares = np.exp(WEIGHTS[0]) / np.exp(WEIGHTS[0]).sum()
    assert first.strength == pytest.approx(float((shares * np.log(shares * 5)).sum()), rel=1e-5)


def test_of_classes_the_mean_is_taken():
    model = M2(5, 2, Multinomial(), latent=2, hidden=[])
    model.decoder.first[0].assign(WEIGHTS)
    model.decoder.first[1].assign(np.zeros((2, 5)))
    assert [topic.words[0] for topic in topics(model, WORDS)] == ["ball", "law"]


def test_what_has_no_topics_is_refused():
    with pytest.raises(ValueError, match="likelihood='multinomial'"):
        topics(SBN(5, Bernoulli(), latent=2), WORDS)
    with pytest.raises(ValueError, match="5 columns, 2 words were given"):
        topics(SBN(5, Multinomial(), latent=2), WORDS[:2])
