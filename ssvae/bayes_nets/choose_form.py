"""Which form a net is sampled in: measured, for each latent, by short runs in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.forms import FORMS
from ssvae.bayes_nets.net import BayesNet

Score = dict[str, float]  # by latent, the least effective sample size of its numbers for each gradient


def choose_form(sample: Callable[..., Draws], net: BayesNet, data: Mapping[str, Any], **how: Any) -> dict[str, str]:
    """Return the form of each latent: what a run in both says, and where latents differ, a run of the mixture.

    Strong data favour the original form and weak data the auxiliary one, so that neither is always better
    (Papaspiliopoulos, Roberts and Sköld, 2007).

    Parameters
    ----------
    sample : callable
        `sampling.sample`, which asks here when its form is "auto".
    net : BayesNet
    data : dict of array [rows, ...]
    **how
        Of the short runs, as `sample` takes them.
    """
    score = partial(_score, sample, net, data, how)
    scores = {form: score(dict.fromkeys(net.latents, form)) for form in FORMS}
    best = {name: max(FORMS, key=lambda form: scores[form][name]) for name in net.latents}
    winner = max(FORMS, key=lambda form: min(scores[form].values()))
    if len(set(best.values())) > 1 and min(score(best).values()) >= min(scores[winner].values()):
        return best
    return dict.fromkeys(net.latents, winner)


def _score(
    sample: Callable[..., Draws], net: BayesNet, data: Mapping[str, Any], how: dict[str, Any], form: dict[str, str]
) -> Score:
    found = sample(net, data, form=form, **how)
    # Chains that do not move have no effective sample size: the worst.
    return {name: float(np.nan_to_num(size).min()) / found.gradients for name, size in found.ess().items()}
