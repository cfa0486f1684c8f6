"""DataFrames: columns by name, text and categories as on the command line, and numbers that float32 does not hold."""

import numpy as np
import pandas as pd
import pytest

import ssvae
from ssvae import SSVAEClassifier
from ssvae.readers.read import read_features, read_table

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "colour": np.where(X[:, 0] > 0.5, "red", "blue")})
Y = np.where(np.arange(40) < 20, X[:, 0] > 0, -1)
SMALL = {"name": "m2", "latent": 2, "hidden": [4]}


def classifier(**settings) -> SSVAEClassifier:
    return SSVAEClassifier(**{"model": SMALL, "epochs": 1, "regularizers": (), "random_state": 0, **settings})


@pytest.fixture(scope="module")
def mixed() -> SSVAEClassifier:
    return classifier().fit(FRAME, Y)


@pytest.fixture
def nothing_trains(monkeypatch):
    def fail(*arguments, **settings):
        raise AssertionError("training began")

    monkeypatch.setattr("ssvae.estimator.classifier.fit_stages", fail)


def test_text_is_encoded_as_it_is_from_a_file(mixed, tmp_path):
    FRAME.assign(y=Y).to_csv(tmp_path / "table.csv", index=False)
    data = read_table(tmp_path / "table.csv", "y", test=0)
    own = classifier().fit(pd.DataFrame(data.x, columns=data.feature_names), Y)
    assert tuple(mixed.feature_names_in_) == data.feature_names == ("a", "b", "colour=blue", "colour=red")
    np.testing.assert_array_equal(
        mixed.predict_proba(FRAME), own.predict_proba(pd.DataFrame(data.x, columns=data.feature_names))
    )
    FRAME[["colour", "b", "a"]].head(3).to_csv(tmp_path / "new.csv", index=False)
    new = read_features(tmp_path / "new.csv", data.feature_names)
    there = own.predict_proba(pd.DataFrame(new, columns=data.feature_names))
    np.testing.assert_array_equal(mixed.predict_proba(FRAME[["colour", "b", "a"]].head(3)), there)


@pytest.mark.parametrize(
    "column",
    [
        FRAME["colour"].astype("category"),
        FRAME["colour"].astype("string"),
        pd.Categorical(FRAME["colour"], categories=["red", "green", "blue"]),
    ],
    ids=["category", "string", "unused category"],
)
def test_text_of_every_type_of_column_is_the_same(mixed, column):
    other = FRAME.assign(colour=column)
    np.testing.assert_array_equal(mixed.predict_proba(other), mixed.predict_proba(FRAME))
    assert list(classifier().fit(other, Y).feature_names_in_) == list(mixed.feature_names_in_)


def test_new_values_missing_columns_and_other_columns(mixed):
    with pytest.warns(UserWarning, match="fit did not see count as none: 40 cells of 'colour', such as 'green'"):
        new = mixed.predict_proba(FRAME.assign(colour="green"))
    zeros = pd.DataFrame(np.c_[X, np.zeros((40, 2))], columns=mixed.feature_names_in_)
    np.testing.assert_array_equal(new, mixed.predict_proba(zeros))
    np.testing.assert_array_equal(new, mixed.predict_proba(FRAME.assign(colour=None)))
    for frame, message in (
        (FRAME.drop(columns="colour"), "X: it has no column 'colour', which the model was fitted on"),
        (FRAME.drop(columns="a"), "X: it has no column 'a', which the model was fitted on"),
        (FRAME.assign(b=FRAME["colour"]), "X: row 1, column 'b' is 'blue'; a finite number is needed"),
    ):
        with pytest.raises(ValueError, match=message):
            mixed.predict(frame)


@pytest.mark.parametrize("extra", [1.0, "big", pd.Timestamp("2020-01-01")], ids=["number", "text", "date"])
def test_other_columns_are_left_out_and_named_of_frames_and_files(mixed, tmp_path, extra):
    more = FRAME.iloc[::-1].assign(size=extra)[["size", *FRAME.columns[::-1]]]
    with pytest.warns(UserWarning, match=r"X has columns that fit did not see, which are left out: \['size'\]"):
        np.testing.assert_array_equal(mixed.predict_proba(more), mixed.predict_proba(FRAME)[::-1])
    more.to_csv(tmp_path / "x.csv", index=False)
    more.to_parquet(tmp_path / "x.parquet")
    names = tuple(mixed.feature_names_in_)
    for name, stream in (("x.csv", False), ("x.parquet", False), ("x.parquet", True)):
        with pytest.warns(UserWarning, match=rf"{name} has columns .*: \['size'\]"):
            rows = read_features(tmp_path / name, names, stream=stream)[:]
        np.testing.assert_allclose(rows[:, :2], FRAME[["a", "b"]].to_numpy()[::-1], rtol=1e-7)
        read_features(tmp_path / name, names, target="size", stream=stream)


def test_a_classifier_of_text_columns_is_saved_and_scored(mixed, tmp_path):
    mixed.save(tmp_path / "model")
    there = ssvae.load(tmp_path / "model")
    np.testing.assert_array_equal(there.predict_proba(FRAME), mixed.predict_proba(FRAME))
    assert there.score(FRAME, Y) == mixed.score(FRAME, Y)


def test_columns_in_another_order_are_taken_by_name():
    frame = pd.DataFrame(X, columns=["a", "b"])
    own = classifier().fit(frame, Y)
    np.testing.assert_array_equal(own.predict_proba(frame[["b", "a"]]), own.predict_proba(frame))
    with pytest.warns(UserWarning, match=r"left out: \['when', 'colour'\]"):
        more = own.predict_proba(FRAME.assign(when=pd.Timestamp("2020-01-01"))[["when", "colour", "b", "a"]])
    np.testing.assert_array_equal(more, own.predict_proba(frame))
    with pytest.raises(ValueError, match="unseen at fit time"):
        own.predict(frame.rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match="yet now missing"):
        own.predict(frame[["a"]])


@pytest.mark.usefixtures("nothing_trains")
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1/2/2024"] * 40, "X: column 'e' holds dates or times, such as '1/2/2024'; which may be"),
        (pd.timedelta_range("1s", periods=40), "X: column 'e' holds dates"),
        ([None] * 40, "X: column 'e' is empty; drop it"),
        ([*map(str, range(39)), "?"], r"X: column 'e' holds numbers, but row 40 holds '\?'"),
    ],
)
def test_columns_of_no_numbers_and_no_categories_are_named(column, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(FRAME.assign(e=column), Y)


@pytest.mark.usefixtures("nothing_trains")
def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="X has two columns 'a'"):
        classifier().fit(pd.DataFrame(X, columns=["a", "a"]), Y)


def test_what_columns_hold_is_found_or_said_and_saved(tmp_path):
    days = pd.date_range("2024-01-01", periods=40)
    frame = FRAME.assign(key=[f"K{n}" for n in range(40)], one=1.0, when=days, visits=np.arange(40) % 5)
    own = classifier(columns={"b": "drop", "visits": "count", "colour": ["blue", "red"]})
    with pytest.warns(UserWarning, match=r"X: columns set aside: key \(id: all values differ\), one \(constant, 1\)$"):
        own.fit(frame, Y)
    assert list(own.feature_names_in_) == ["a", "colour", "when", "visits"]
    assert own.likelihood_.columns == ("gaussian", "bernoulli", "gaussian", "poisson")
    own.save(tmp_path / "model")
    there = ssvae.load(tmp_path / "model")
    assert there.columns_ == own.columns_
    gone = frame.drop(columns=["key", "b"]).assign(when=days.strftime("%Y-%m-%d"))
    np.testing.assert_array_equal(there.predict_proba(gone), own.predict_proba(frame))
    with pytest.raises(ValueError, match="2 things are wrong:\n- it has no column 'colour'"):
        own.predict(frame.drop(columns=["visits", "colour"]).assign(key=1))
    gaps = frame.assign(when=days.where(np.arange(40) > 2), colour=frame["colour"].where(np.arange(40) > 2))
    with pytest.warns(UserWarning, match="have missing cells, and had none in fit"):
        whole = there.impute(gaps)
    assert whole["when"].dtype == gaps["when"].dtype
    assert {*whole["colour"]} == {"red", "blue"}
    drawn = there.sample(30, y=True, random_state=0)
    assert list(drawn.columns) == ["a", "colour", "when", "visits"]
    assert {*drawn["colour"]} <= {"red", "blue"}
    assert drawn["visits"].dtype == np.int64
    assert abs(drawn["when"] - days.mean()).max() < pd.Timedelta(days=40)
    pd.testing.assert_frame_equal(whole[3:], frame[3:], check_dtype=False)


@pytest.mark.parametrize("form", ["array", "file", "frame", "mixed frame"])
def test_unix_seconds_keep_what_they_say(tmp_path, form):
    """They vary by less than the gap between two float32 numbers of their size."""

    def rows(since):
        x = np.c_[since + np.round(30 * X[:, 0]), X[:, 1]]
        np.save(tmp_path / f"{since}.npy", x)
        frame = pd.DataFrame(x, columns=["t", "v"])
        of_form = {"array": x, "file": tmp_path / f"{since}.npy", "frame": frame}
        return {**of_form, "mixed frame": frame.assign(w=FRAME["colour"])}[form]

    late, early = (classifier(likelihood="gaussian").fit(rows(since), Y) for since in (1_700_000_000, 0))
    np.testing.assert_allclose(late.predict_proba(rows(1_700_000_000)), early.predict_proba(rows(0)), atol=1e-4)
    np.testing.assert_allclose(late.bound(rows(1_700_000_000)), early.bound(rows(0)), atol=1e-3)
    late.save(tmp_path / "model")
    there = ssvae.load(tmp_path / "model")
    np.testing.assert_array_equal(there.transform(rows(1_700_000_000)), late.transform(rows(1_700_000_000)))
