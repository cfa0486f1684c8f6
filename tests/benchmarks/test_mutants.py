"""`benchmarks/mutants.py`: the faults it makes of small pieces of code, and that its sample survives edits."""

import ast
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.mark.parametrize(
    ("code", "faults"),
    [
        ("a < b", ["a <= b"]),
        ("a is None", ["a is not None"]),
        ("a - b", ["a + b", "a"]),
        ("β * b", ["β / b", "β", "b"]),
        ("-a", ["a"]),
        ("x = 3", ["x = 4"]),
        ("x = True", ["x = False"]),
        ("x += y", ["pass", "x -= y"]),
        ("a and b", ["a or b", "b", "a"]),
        ("a if not b else c", ["a if b else c"]),
        ("while f: pass", ["while not f: pass"]),
        ("[a for a in b if a]", ["[a for a in b if not a]"]),
        ("tf.reduce_sum(x, y)", ["pass", "tf.reduce_mean(x, y)", "tf.reduce_sum(y, x)"]),
        ("x = f(a, axis=-1)", ["x = f(a)", "x = f(a, axis=-1 - -1)", "x = f(a, axis=1)", "x = f(a, axis=-2)"]),
        ("x = tf.stop_gradient(y)", ["x = y"]),
        ("x = tf.function(f, autograph=False, b=c)", ["x = tf.function(f, autograph=False)"]),
        ("self.a = b", ["pass"]),
        ("def f() -> float: return a", ["def f() -> float: return -a"]),
        ("def f(): return a, b", ["def f(): return (b, a)"]),
        ("if a == 1: raise E(1 + 1)", ["if a != 1: raise E(1 + 1)", "if a == 2: raise E(1 + 1)", "if a == 1: pass"]),
        ('"""1 + 1"""', []),
        ("x: 'f(1)' | None", []),
        ("warnings.warn(f'{a + b}', 1)", []),
        ("def __repr__(self): return self.a + 1", []),
    ],
)
def test_faults_of(load, code, faults):
    made = [mutant.applied(code.encode()) for mutant in load("mutation").mutants("file.py", code.encode())]
    assert {ast.unparse(ast.parse(each)) for each in made} == {ast.unparse(ast.parse(fault)) for fault in faults}


def test_a_fault_has_its_place(load):
    code = (
        b"class A:\n    def f(self):\n        '''\xce\xb1 + 1'''\n"
        b"        if (a and\n                b):\n            return 1\n"
    )
    made = {mutant.after: mutant for mutant in load("mutation").mutants("file.py", code)}
    assert (made["2"].scope, made["2"].first, made["2"].last) == ("A.f", 6, 6)
    assert (made["(a or b)"].first, made["(a or b)"].last) == (4, 5)
    assert made["(a or b)"].key == "file.py A.f: a and b -> (a or b)"


def test_a_sample_keeps_what_an_edit_elsewhere_leaves_alone(load):
    operators, sample = load("mutation"), load("mutants").sample
    code = "\n".join(f"def f{i}(a, b):\n    return a - b < {i}" for i in range(30))
    before = sample(operators.mutants("file.py", code.encode()), 20, seed=0)
    edited = code.replace("def f7(a, b):\n    return a - b < 7", "# of f7\n\ndef f7(a):\n    return a < 7")
    after = sample(operators.mutants("file.py", edited.encode()), 20, seed=0)
    assert len({mutant.key for mutant in before}) == 20
    assert {each.key for each in before if each.scope != "f7"} <= {each.key for each in after}
    assert before != sample(operators.mutants("file.py", code.encode()), 20, seed=1)


def test_tests_that_run_the_changed_line_and_little_else_come_first(load):
    mutants, operators = load("mutants"), load("mutation")
    code = b"def f(a):\n    if a:\n        return -a\n    return a\n"
    inner = next(each for each in operators.mutants("file.py", code) if each.before == "-a")
    tests = {
        "a.py::broad": {"seconds": 0.1, "lines": ["file.py: if a:", "file.py: return -a", "other.py: f(a)"]},
        "b.py::slow": {"seconds": 2.0, "lines": ["file.py: if a:", "file.py: return -a"]},
        "b.py::quick": {"seconds": 1.0, "lines": ["file.py: if a:", "file.py: return -a"]},
        "b.py::other": {"seconds": 0.1, "lines": ["file.py: if a:", "file.py: return a"]},
    }
    assert mutants.chosen(inner, code, tests) == ["b.py::quick", "b.py::slow", "a.py::broad"]
    elsewhere = inner._replace(first=1, last=1)  # a default of an argument, say, which no test runs again
    assert mutants.chosen(elsewhere, code, tests) == ["b.py::other", "b.py::quick", "b.py::slow", "a.py::broad"]
