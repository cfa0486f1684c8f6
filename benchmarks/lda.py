"""Perplexity of scikit-learn's latent Dirichlet allocation on the documents that the belief networks are measured on.

log p of a test document is bounded by means of its variational distribution. The perplexity is taken over documents, as
in `ssvae.evaluation.metrics.perplexity`; scikit-learn's own is the ratio of the sums.

    python benchmarks/lda.py newsgroups --topics 50
"""

from __future__ import annotations

import time

import click
import numpy as np


@click.command(help=__doc__.split("\n")[0])
@click.argument("data", default="newsgroups")
@click.option("--topics", default=50)
@click.option("--iterations", default=20)
def main(data: str, topics: int, iterations: int) -> None:
    """Print both perplexities."""
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import LatentDirichletAllocation

    from ssvae.datasets import DATASETS
    from ssvae.evaluation.metrics import perplexity

    found = DATASETS.get(data)()
    begin = time.process_time()
    lda = LatentDirichletAllocation(topics, max_iter=iterations, learning_method="online", random_state=0)
    lda.fit(csr_matrix(np.asarray(found.x)))
    rows = csr_matrix(np.asarray(found.x_test))
    gamma = lda._unnormalized_transform(rows)
    bounds = np.array([lda._approx_bound(row, g[np.newaxis], False) for row, g in zip(rows, gamma, strict=True)])
    # The topics' own divergence from their prior is one number for the model, not one for each document. A document
    # without words, whose topics are as before, has nothing else.
    before = np.full((1, topics), lda.doc_topic_prior_)
    bounds -= lda._approx_bound(csr_matrix((1, rows.shape[1])), before, False)
    click.echo(
        f"LDA, {topics} topics: perplexity {perplexity(bounds, rows):.0f} as the mean over documents, "
        f"{lda.perplexity(rows):.0f} by scikit-learn; {time.process_time() - begin:.0f} CPU-s"
    )


if __name__ == "__main__":
    main()
