# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quickstart: 100 labelled and 1,197 unlabelled rows
#
# scikit-learn's digits: 1,297 rows to learn from, of which 100 keep their label, and 500 rows held out.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from ssvae import SSVAEClassifier, load
from ssvae.datasets import digits
from ssvae.settings.files import load as settings
from ssvae.splits import choose_labeled, hide_labels

# The tests run this notebook with few epochs; leave the variable unset for the full training.
quick = {"epochs": int(os.environ["SSVAE_NOTEBOOK_EPOCHS"])} if "SSVAE_NOTEBOOK_EPOCHS" in os.environ else {}

# %%
data = digits.load()
y = hide_labels(data.y, choose_labeled(data.y, 100, seed=0))
print(f"{np.sum(y >= 0)} labelled rows, {np.sum(y < 0)} unlabelled (-1)")

# %% [markdown]
# ## Fit
#
# `SSVAEClassifier().fit(X, y)` works without settings; these are the ones that `ssvae fit --labels 100` uses.

# %%
chosen = settings("digits").values["classifier"]
classifier = SSVAEClassifier(**{**chosen, **quick}, random_state=0).fit(data.x, y)
print(f"error on held-out rows: {100 * (1 - classifier.score(data.x_test, data.y_test)):.1f} %")

# %% [markdown]
# ## The latents of the held-out rows, coloured by class

# %%
z = classifier.transform(data.x_test)
centred = z - z.mean(axis=0)
plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
figure, axes = plt.subplots(figsize=(6, 5))
points = axes.scatter(*plane.T, c=data.y_test, cmap="tab10", s=10)
axes.set(xlabel="first principal direction of z1", ylabel="second", title="Latent map")
figure.colorbar(points, ax=axes, label="digit")

# %% [markdown]
# ## Predict, with class probabilities from the classifier network or by Bayes' rule

# %%
print(classifier.predict(data.x_test[:10]), data.y_test[:10])
print(classifier.predict_proba(data.x_test[:2]).round(2))
print(classifier.predict_proba(data.x_test[:2], via="bayes").round(2))

# %% [markdown]
# ## Analogies: each row redrawn in its own style as every digit

# %%
rows = data.x_test[:6]
grid = classifier.analogies(rows)
figure, axes = plt.subplots(len(rows), 11, figsize=(11, 6), subplot_kw={"xticks": [], "yticks": []})
for row, images in enumerate(np.concatenate([rows[:, None], grid], axis=1)):
    for column, image in enumerate(images):
        axes[row, column].imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
axes[0, 0].set_title("given")
for column, name in enumerate(classifier.classes_):
    axes[0, column + 1].set_title(str(name))

# %% [markdown]
# ## Save and load: no pickle, and the predictions are checked when the model is loaded

# %%
classifier.save("quickstart-model", overwrite=True)
again = load("quickstart-model")
print(np.array_equal(again.predict(data.x_test), classifier.predict(data.x_test)))
