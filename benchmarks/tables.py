"""Small public tables with few labels: the default classifier beside plain ones, on the same rows.

    python benchmarks/tables.py FOLDER --keep tables.jsonl
    python benchmarks/tables.py FOLDER sonar pima --per-class 10 --draws 3 --set '{"model": "m2"}'

FOLDER holds tables as .csv or .csv.gz with the column `class`, and adult.data.gz of the UCI repository; iris, wine,
breast_cancer and digits come from scikit-learn. A draw is a split of 70 to 30 by class, at most 2,000 rows to learn
from and 2,000 to test on, in which the same number of rows of each class keep their label (at most half of its rows).
All contenders see the same rows; what they choose, they choose by cross-validation of the labelled ones. With --keep,
what was measured before is not measured again.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import click
import machine
import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn import datasets
from sklearn.base import ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

MOST = 2000  # rows to learn from (of Adult 5,000), and to test on
ADULT = (  # the columns of its file, which has no header
    "age workclass fnlwgt education education_num marital_status occupation "
    "relationship race sex capital_gain capital_loss hours_per_week native_country class"
)
BINS = 15  # of the calibration error
FROM_SKLEARN: dict[str, Callable[..., Any]] = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}


class Draw(NamedTuple):
    """Rows to learn from, the labels that are known (-1: none), and rows to test on."""

    x: pd.DataFrame
    y: np.ndarray
    x_test: pd.DataFrame
    y_test: np.ndarray


def table(name: str, folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return columns [N, D] and classes [N], numbered."""
    if name in FROM_SKLEARN:
        return FROM_SKLEARN[name](as_frame=True, return_X_y=True)[0], FROM_SKLEARN[name]().target
    if name == "adult":
        path = next(folder.glob("**/adult.data*"))
        frame = pd.read_csv(path, header=None, names=ADULT.split(), skipinitialspace=True, na_values="?")
    else:
        frame = pd.read_csv(next(folder.glob(f"**/{name}.csv*")))
    return frame.drop(columns="class"), pd.factorize(frame["class"], sort=True)[0]


def draw(x: pd.DataFrame, y: np.ndarray, per_class: int, seed: int, most: int) -> Draw:
    """Return one draw of a table, with at most so many rows to learn from."""
    learn, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)
    learn, test, rng = learn[:most], test[:MOST], np.random.default_rng(seed)
    known = np.full(len(learn), -1)
    for label in np.unique(y):
        own = np.flatnonzero(y[learn] == label)
        known[rng.permutation(own)[: min(per_class, len(own) // 2)]] = label
    return Draw(x.iloc[learn].reset_index(drop=True), known, x.iloc[test].reset_index(drop=True), y[test])


def _searched(classifier: ClassifierMixin, grid: dict[str, list[object]], y: np.ndarray) -> GridSearchCV:
    """Return a pipeline from columns of numbers and text to classes, whose settings cross-validation chooses."""
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    folds = StratifiedKFold(min(5, int(np.bincount(y).min())), shuffle=True, random_state=0)
    pipeline = make_pipeline(columns, classifier)
    named = {f"{type(classifier).__name__.lower()}__{key}": values for key, values in grid.items()}
    return GridSearchCV(pipeline, named, cv=folds, scoring="neg_log_loss")


def logistic(own: Draw, seed: int) -> np.ndarray:
    """Return class probabilities of the test rows by logistic regression."""
    return _on_labels(own, LogisticRegression(max_iter=5000), {"C": [0.01, 0.1, 1.0, 10.0, 100.0]})


def forest(own: Draw, seed: int) -> np.ndarray:
    """Return class probabilities of the test rows by a random forest."""
    return _on_labels(own, RandomForestClassifier(300, random_state=seed), {"max_features": ["sqrt", 0.5]})


def svc(own: Draw, seed: int) -> np.ndarray:
    """Return class probabilities of the test rows by a support vector machine: the softmax of its scaled scores."""
    known = own.y >= 0
    x, y = own.x[known], own.y[known]
    search = _searched(SVC(), {"C": [0.1, 1.0, 10.0, 100.0], "gamma": ["scale", 0.01]}, y)
    search.set_params(scoring="accuracy").fit(x, y)
    held_out = cross_val_predict(search.best_estimator_, x, y, cv=search.cv, method="decision_function")
    scale = min((0.1, 0.3, 1.0, 3.0, 10.0), key=lambda scale: log_loss(y, _shares(scale * held_out)))
    return _shares(scale * search.decision_function(own.x_test))


def _shares(scores: np.ndarray) -> np.ndarray:
    return softmax(np.stack([0 * scores, scores], axis=1) if scores.ndim == 1 else scores, axis=1)


def _on_labels(own: Draw, classifier: ClassifierMixin, grid: dict[str, list[object]]) -> np.ndarray:
    known = own.y >= 0
    return _searched(classifier, grid, own.y[known]).fit(own.x[known], own.y[known]).predict_proba(own.x_test)


def supervised(own: Draw, seed: int) -> np.ndarray:
    """Return class probabilities of the test rows by the classifier network alone, on labelled rows alone."""
    return ours({"model": "supervised"}, own, seed)


def ours(settings: dict[str, Any], own: Draw, seed: int) -> np.ndarray:
    """Return class probabilities of the test rows by `SSVAEClassifier`, with these arguments of its constructor."""
    from ssvae import SSVAEClassifier

    return SSVAEClassifier(random_state=seed, **settings).fit(own.x, own.y).predict_proba(own.x_test)


PLAIN = {"logistic": logistic, "forest": forest, "svc": svc}
CONTENDERS: dict[str, Callable[[Draw, int], np.ndarray]] = {**PLAIN, "supervised": supervised}


def measure(probabilities: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return error in %, NLL in nats, calibration error in %, and the share of the most frequent answer."""
    answer, clipped = probabilities.argmax(axis=1), np.clip(probabilities, 1e-7, 1.0)
    numbers = {
        "error": 100 * float((answer != y).mean()),
        "nll": log_loss(y, clipped / clipped.sum(axis=1, keepdims=True), labels=np.arange(probabilities.shape[1])),
        "ece": calibration_error(probabilities, y),
        "largest_share": float(np.bincount(answer).max() / len(y)),
    }
    if probabilities.shape[1] == 2:
        numbers["auc"] = float(roc_auc_score(y, probabilities[:, 1]))
    return numbers


def calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy in bins of equal width, in %."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((confidence - right)[bins == n].sum()) for n in np.unique(bins)]
    return 100 * float(np.sum(gaps)) / len(y)


def report(found: list[dict[str, Any]]) -> str:
    """Return means over draws, a line a table, and over tables, a column a contender."""
    lines = []
    for number in ("error", "nll", "ece"):
        names = list(dict.fromkeys(one["contender"] for one in found))
        lines.append(f"{number:<24}" + "".join(f"{name:>14}" for name in names))
        rows = {
            where: [
                [one[number] for one in found if one["table"] == where and one["contender"] == name] for name in names
            ]
            for where in dict.fromkeys(one["table"] for one in found)
        }
        for where, cells in rows.items():
            lines.append(f"  {where:<22}" + "".join(f"{mean(own):>14.4g}" if own else f"{'-':>14}" for own in cells))
        whole = [[mean(cells[at]) for cells in rows.values() if cells[at]] for at in range(len(names))]
        lines.append(f"  {'mean':<22}" + "".join(f"{mean(own):>14.4g}" if own else f"{'-':>14}" for own in whole))
    return "\n".join(lines)


@click.command(help=__doc__.split("\n")[0])
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("tables", nargs=-1)
@click.option("--per-class", default=10, help="Labels a class.")
@click.option("--draws", default=3)
@click.option("--set", "settings", multiple=True, help="Arguments of SSVAEClassifier as JSON, a contender each.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where results are kept, a line each.")
def main(
    folder: Path, tables: tuple[str, ...], per_class: int, draws: int, settings: tuple[str, ...], keep: Path | None
) -> None:
    """Print the table."""
    warnings.filterwarnings("ignore", category=UserWarning)
    print(machine.describe())
    mine = {text: json.loads(text) for text in settings or ("{}",)}
    contenders = {
        **CONTENDERS,
        **{f"ours {text}": (lambda own, seed, s=s: ours(s, own, seed)) for text, s in mine.items()},
    }
    found = [json.loads(line) for line in keep.read_text().splitlines()] if keep and keep.exists() else []
    done = {(one["table"], one["per_class"], one["seed"], one["contender"]) for one in found}
    stored = sorted(path.name.partition(".")[0] for path in folder.glob("**/*.csv*"))
    for where in tables or (*stored, "adult", *FROM_SKLEARN):
        x, y = table(where, folder)
        for seed in range(draws):
            own = draw(x, y, per_class, seed, 5000 if where == "adult" else MOST)
            for name, contender in contenders.items():
                what = {"table": where, "per_class": per_class, "seed": seed, "contender": name}
                if tuple(what.values()) in done:
                    continue
                before = time.process_time()
                numbers = measure(contender(own, seed), own.y_test)
                found.append({**what, **numbers, "cpu_seconds": time.process_time() - before})
                print(json.dumps(found[-1]), flush=True)
                if keep:
                    with keep.open("a") as file:
                        file.write(json.dumps(found[-1]) + "\n")
    print(report([one for one in found if one["per_class"] == per_class]))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
