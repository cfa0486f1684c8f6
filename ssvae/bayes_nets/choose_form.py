"""Choosing between original and auxiliary form for each latent, by effective sample sizes of short runs.

References
----------
A general framework for the parametrization of hierarchical models (Papaspiliopoulos, Roberts and Sköld, 2007).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssvae.bayes_nets.draws import Draws
from ssvae.bayes_nets.location_scale import LocationScale
from ssvae.bayes_nets.net import BayesNet
from ssvae.bayes_nets.posterior_density import FORMS

Form = dict[str, str]  # of each latent
TINY = 1e-12  # the score of chains that do not move, which have no effective sample size


def choose_form(draw: Callable[[Form], Draws], net: BayesNet) -> Form:
    """Return the form of each latent, of those that are tried the one whose worst latent mixes best.

    Strong data favour the original form and weak data the auxiliary one, so that neither is always better. Tried are
    both for all latents, the better of both for each latent, and from the best of these on the other form of one latent
    after another, because a latent in the wrong form makes the gradients of all others cost more, in both runs perhaps.

    Parameters
    ----------
    draw : callable
        A short run in a form; there are at most three more than latents.
    net : BayesNet
    """
    names = list(net.latents)
    tried: dict[tuple[str, ...], np.ndarray] = {}  # forms of the latents -> their scores

    def gain(forms: tuple[str, ...]) -> float:
        """Return the mean log score in these forms, in which each latent that is helped counts."""
        if forms not in tried:
            tried[forms] = _scores(draw(dict(zip(names, forms, strict=True))), names)
        return float(np.log(tried[forms]).mean())

    for form in FORMS:
        gain((form,) * len(names))
    each = np.argmax([tried[(form,) * len(names)] for form in FORMS], axis=0)
    gain(tuple(FORMS[at] for at in each))
    best = max(tried, key=gain)
    for at in np.argsort(tried[best]):  # the worst first
        if isinstance(net.latents[names[at]], LocationScale) and not net.latents[names[at]].parents:
            continue  # ε is z but for its unit
        other = (*best[:at], next(form for form in FORMS if form != best[at]), *best[at + 1 :])
        best = max(best, other, key=gain)
    chosen = max(tried, key=lambda forms: float(tried[forms].min()))
    return dict(zip(names, chosen, strict=True))


def _scores(found: Draws, names: list[str]) -> np.ndarray:
    """Return for each latent the least effective sample size of its numbers per gradient."""
    sizes = found.ess()
    return np.array([max(TINY, float(np.nan_to_num(sizes[name]).min()) / found.gradients) for name in names])
