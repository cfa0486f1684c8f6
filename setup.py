"""All of the package's metadata (pyproject.toml names only the build system and the tools' tables)."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'^__version__ = "(.+)"', (here / "ssvae/__init__.py").read_text("utf-8"), re.MULTILINE)
readme = here / "README.md"

parquet = ["pyarrow>=16"]
arviz = ["arviz>=0.23"]
# What benchmarks/ compares with; nothing in the package or its tests imports it.
bench = ["torch>=2.13", "jax>=0.10", "numpyro>=0.22", "blackjax>=1.7"]
notebooks = ["jupytext>=1.16", "nbclient>=0.10", "ipykernel>=6.29"]
test = ["pytest>=9", "pytest-xdist>=3.8", "hypothesis>=6.100", "numpydoc>=1.8", *parquet, *arviz, *notebooks]
dev = [*test, "ruff>=0.15", "mypy>=1.15", "pre-commit>=4", "types-PyYAML>=6.0"]

setup(
    name="ssvae",
    version=version.group(1) if version else "0",
    description="Semi-supervised classification with deep generative models",
    long_description=readme.read_text("utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author="the ssvae authors",
    license="MIT",
    classifiers=["Programming Language :: Python :: 3", "Topic :: Scientific/Engineering :: Artificial Intelligence"],
    python_requires=">=3.11,<3.14",  # TensorFlow 2.21 has wheels up to 3.13, Keras 3.15 starts at 3.11
    # cli/ and configs/ stand at the top of the checkout and are installed inside the one package ssvae.
    packages=[*find_packages(include=["ssvae", "ssvae.*"]), "ssvae.cli", "ssvae.configs"],
    package_dir={"ssvae.cli": "cli", "ssvae.configs": "configs"},
    package_data={"ssvae.configs": ["*.yaml"]},
    entry_points={"console_scripts": ["ssvae = ssvae.cli.main:main"]},
    install_requires=[
        "tensorflow>=2.21",
        "keras>=3.15",
        "tensorflow-probability[tf]>=0.25",
        "numpy>=2",
        "scipy>=1.13",
        "h5py>=3.11",
        "scikit-learn>=1.8",
        "click>=8.1",
        "PyYAML>=6.0",
        "rich>=13.7",
        "matplotlib>=3.9",
        "pandas>=2.2",
        "Pillow>=10.3",
        "pooch>=1.8",
        "safetensors>=0.4.3",
        "faiss-cpu>=1.15",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21"],
        "parquet": parquet,
        "arviz": arviz,
        "bench": bench,
        "notebooks": notebooks,
        "test": test,
        "dev": dev,
    },
)
