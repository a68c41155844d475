# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is not installed is named with what installs it."""

from pathlib import Path

from vla_ros.core.extras import how_to_install

CHECKOUT = Path(__file__).parents[2]


def test_a_module_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    mend = how_to_install(ModuleNotFoundError(name='mujoco.viewer'))
    assert mend == "mujoco.viewer is not installed: run pip install '.[sim]'"


def test_elsewhere_a_checkout_is_named_by_its_path(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert f"'{CHECKOUT}[sim]'" in how_to_install(ModuleNotFoundError(name='mujoco'))


def test_an_installed_package_is_named_as_pip_knows_it(monkeypatch, tmp_path):
    module = tmp_path / 'site-packages' / 'vla_ros' / 'core' / 'extras.py'
    monkeypatch.setattr('vla_ros.core.extras.__file__', str(module))
    assert "'vla_ros[train]'" in how_to_install(ModuleNotFoundError(name='torch'))


def test_no_mend_is_made_up_for_a_module_that_no_extra_brings():
    assert not how_to_install(ModuleNotFoundError(name='vla_ros.cor'))
    assert not how_to_install(ModuleNotFoundError())
