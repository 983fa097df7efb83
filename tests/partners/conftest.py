"""A program, and a brand with templates of its own."""

import shutil

import pytest
from cast import ROOT

from judge.compiler import load
from web import answer as rendering


@pytest.fixture(scope="module")
def program():
    return load(ROOT / "rules" / "default.yaml")


@pytest.fixture
def brand(tmp_path, monkeypatch):
    """The folder for a brand's own templates of the program `default`."""
    folder = tmp_path / "templates"
    shutil.copytree(rendering.TEMPLATES, folder)
    monkeypatch.setattr(rendering, "ours", rendering.environment_of(folder))
    (folder / "default").mkdir()
    return folder / "default"
