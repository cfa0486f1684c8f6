"""Choosing between original and auxiliary form for each latent, by effective sample sizes of short runs.

References
----------
A general framework for the parametrization of hierarchical models (Papaspiliopoulos, Roberts and Sköld, 2007).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import FORMS

Form = dict[str, str]  # of each latent


def choose_form(draw: Callable[[Form], Draws], net: BayesNet) -> Form:
    """Return the form of each latent: the better of short runs in both; where latents differ, a mixture is run too.

    Strong data favour the original form and weak data the auxiliary one, so that neither is always better.

    Parameters
    ----------
    draw : callable
        A short run in a form.
    net : BayesNet
    """

    def score(form: Form) -> dict[str, float]:
        """Return for each latent the least effective sample size of its numbers per gradient."""
        found = draw(form)
        # Chains that do not move have no effective sample size: the worst.
        return {name: float(np.nan_to_num(size).min()) / found.gradients for name, size in found.ess().items()}

    scores = {form: score(dict.fromkeys(net.latents, form)) for form in FORMS}
    best = {name: max(FORMS, key=lambda form: scores[form][name]) for name in net.latents}
    winner = max(FORMS, key=lambda form: min(scores[form].values()))
    if len(set(best.values())) > 1 and min(score(best).values()) >= min(scores[winner].values()):
        return best
    return dict.fromkeys(net.latents, winner)
