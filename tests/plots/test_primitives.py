"""Pictures: what is drawn, and what is skipped with a reason."""

import matplotlib
import numpy as np
import pytest

from ssvae.plots import primitives, run_figures
from ssvae.types import Dataset

HISTORY = {
    "stage": ["m1"] * 30 + ["m2"] * 30,
    "unlabelled_bound": [*np.linspace(-90, -30, 60)],
    "labelled_bound": [None] * 30 + [*np.linspace(-40, -20, 30)],
    "cross_entropy": [float("nan")] * 30 + [*np.linspace(2, 0, 30)],
}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_learning_curves_have_a_panel_for_each_stage_and_unit():
    figure = primitives.learning_curves(HISTORY)
    titles = [(axes.get_title(), axes.get_ylabel(), len(axes.lines)) for axes in figure.axes]
    assert titles == [
        ("stage m1", "bound (nats a row)", 1),
        ("stage m2", "bound (nats a row)", 2),
        ("stage m2", "cross-entropy (nats)", 1),
    ]


def test_learning_curves_of_one_epoch():
    assert primitives.learning_curves({name: column[:1] for name, column in HISTORY.items()}).axes


def test_confusion_matrix_writes_the_counts():
    assert texts(primitives.confusion_matrix([[5, 0], [2, 7]], ["a", "b"])) == ["5", "2", "7"]


@pytest.mark.parametrize("width", [1, 2, 7])
def test_latent_map_draws_every_row(width):
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    (axes,) = primitives.latent_map(rng.normal(size=(30, width)), y, [0, 1, 2]).axes
    assert sum(len(points.get_offsets()) for points in axes.collections) == 30


@pytest.mark.parametrize("shape", [(8, 8), (9, 7, 3), (8, 8, 1)])
def test_image_grid_places_each_picture(shape):
    images = np.zeros((2, 3, *shape))
    images[1, 2] = 1.0
    (axes,) = primitives.image_grid(images, ["a", "b", "c"], ["x", "y"]).axes
    sheet = np.ma.filled(axes.images[0].get_array(), -1)
    assert np.all(sheet[-shape[0] :, -shape[1] :] == 1)
    assert np.all(sheet[: shape[0], : shape[1]] == 0)


def test_heat_table_shows_the_columns_that_change_most():
    values = np.zeros((2, 50))
    values[1, [3, 40]] = 1.0, 2.0
    (axes, _) = primitives.heat_table(values, ["a", "b"], [f"f{n}" for n in range(50)], np.ones(50)).axes
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert len(shown) == primitives.FEATURES
    assert {"f3", "f40"} <= set(shown)


def settings():
    # Asking for the backend would choose one.
    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}


def test_nothing_global_is_touched(tmp_path):
    before = settings()
    run_figures.save(primitives.learning_curves(HISTORY), tmp_path / "a.png")
    assert settings() == before
    assert "matplotlib.pyplot" not in vars(primitives)


@pytest.fixture
def fitted(quick_core):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.normal(size=(60, 4)) + y[:, None]
    table = Dataset("table", x, y, x_test=x, y_test=y)
    return quick_core().fit(x, y), table


def test_examples_take_the_classes_in_turn(fitted):
    _, y = run_figures.examples(*fitted, rows=7)
    assert y.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_a_table_has_a_heat_table_and_no_images(fitted, tmp_path):
    skipped = run_figures.draw_all(*fitted, {}, tmp_path)
    assert skipped == {
        "confusion_matrix": "the data set has no test rows",
        "reconstructions": "the rows are not images",
        "samples": "the rows are not images",
    }
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["analogies", "latent_map", "learning_curves"]


def test_a_model_that_cannot_do_a_thing_is_a_reason(fitted, tmp_path, monkeypatch):
    def cannot(*_):
        raise ValueError("this model has no latents")

    monkeypatch.setattr(type(fitted[0]), "transform", cannot)
    assert run_figures.draw_all(*fitted, {}, tmp_path)["latent_map"] == "this model has no latents"


def test_without_test_rows_the_pictures_are_of_labelled_rows_that_were_learnt_from(fitted, tmp_path):
    classifier, table = fitted
    hidden = np.where(np.arange(60) < 30, table.y, -1)
    own = table._replace(x_test=None, y_test=None, y=hidden)
    x, _ = run_figures.examples(classifier, own, rows=7)
    assert all(any((row == other).all() for other in table.x[:30]) for row in x)
    skipped = run_figures.draw_all(classifier, own, {}, tmp_path)
    assert "latent_map" not in skipped
    skipped = run_figures.draw_all(classifier, own._replace(y=np.full(60, -1)), {}, tmp_path)
    assert skipped["latent_map"] == skipped["analogies"] == "no row has a label of a known class"
