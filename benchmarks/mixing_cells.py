"""The cells of `mixing.py`, and the summary of draws that each contender returns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssvae.bayes_nets import diagnostics


def cell(scale: float, form: str, chains: int, draws: int, warm_up: int, seed: int) -> dict[str, Any]:
    """Return one posterior, as the net's weights and a row x [T] drawn from it, and the settings of the chains."""
    from ssvae.experiments.reproductions.mixing import WIDTH, dynamic_net

    net, unit = dynamic_net(scale, seed), np.eye(WIDTH, dtype=np.float32)
    w, v = np.arctanh(net.latents["z"].mean(unit).numpy()), net.observed["x"].distribution(unit).logits.numpy()
    x = net.sample((1,), seed)["x"].numpy()[0]
    how = {"scale": scale, "form": form, "chains": chains, "draws": draws, "warm_up": warm_up, "seed": seed}
    return how | {"w": w.tolist(), "v": v.tolist(), "x": x.tolist()}


def summary(z: np.ndarray, gradients: float, **more: Any) -> dict[str, Any]:
    """Return ESS, R-hat and moments of z [draws, chains, T, width]; `gradients` is the number that each chain took.

    Moments are means and variances of all latents, with their standard errors.
    """
    z = z.reshape(*z.shape[:2], -1)
    moments = {"mean": z, "variance": np.square(z - z.mean(axis=(0, 1)))}
    return {
        "ess": float(diagnostics.bulk_ess(z).min()),
        "r_hat": float(diagnostics.r_hat(z).max()),
        "gradients": gradients * z.shape[1],
        "moments": {name: of.mean(axis=(0, 1), dtype=np.float64).tolist() for name, of in moments.items()},
        "errors": {name: (of.std(axis=(0, 1)) / np.sqrt(diagnostics.ess(of))).tolist() for name, of in moments.items()},
        **more,
    }
