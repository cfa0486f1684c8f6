"""docs/your-own-data.md: its commands one after another, with few epochs, and what it says that they print."""

import re
import shlex
from pathlib import Path

import pandas as pd
from click.testing import CliRunner

from ssvae import SSVAEClassifier
from ssvae.cli.main import main

PAGE = (Path(__file__).parents[1] / "docs" / "your-own-data.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python)?\n(.*?)```", PAGE, flags=re.DOTALL)


def test_from_a_table_to_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [text for language, text in BLOCKS if language]
    commands = [line for language, text in BLOCKS if not language for line in text.splitlines() if line[:5] == "ssvae"]
    assert len(commands) == 5
    exec(code[0], {})
    said = ""
    for line in commands:
        words = shlex.split(line)[1:]
        quick = (
            ["--safe", "--set", "classifier.epochs=1", "--set", "classifier.regularizers=[]"]
            if words[0] == "fit"
            else []
        )
        result = CliRunner().invoke(main, [*words, *quick])
        assert result.exit_code == 0, result.output
        said += result.output
    shown = [text for language, text in BLOCKS if not language and not text.startswith("ssvae")]
    assert shown[0] in said  # what was found in the table
    for line in ("safe mode, the average", "  without unlabelled rows", "plain classifiers", "  self-training"):
        assert line in said
        assert line in shown[1]
    wine, new = pd.read_csv("wine.csv"), pd.read_csv("new.csv")
    labels, answers, whole = (pd.read_csv(name) for name in ("wine/labels.csv", "answers.csv", "whole.csv"))
    assert labels["bottle"].tolist() == wine["bottle"][wine["cultivar"].isna()].tolist()
    assert list(labels.columns) == shown[2].splitlines()[0].split(",")
    pd.testing.assert_frame_equal(answers[list(new.columns)], new)
    assert {*answers["prediction"]} <= {"Barbera", "Barolo", "Grignolino"}
    there = wine["ash"].notna()
    assert whole["ash"][there].tolist() == wine["ash"][there].tolist()
    assert whole["ash"].notna().all()
    assert list(pd.read_csv("drawn.csv").columns) == list(wine.columns)[1:]
    quick = {"SSVAEClassifier": lambda **given: SSVAEClassifier(**given, epochs=1, regularizers=())}
    exec(code[1].replace("from ssvae import SSVAEClassifier\n", ""), quick)
