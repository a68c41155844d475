# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drivers and sources are found by their name, or by their place."""

import sys
from collections import OrderedDict

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.hardware.camera import SOURCES, CameraSource
from vla_ros.hardware.driver import DRIVERS, Driver
from vla_ros.hardware.lookup import find


def test_class_is_found_by_its_name_and_by_its_place():
    table = {'ordered': 'collections:OrderedDict'}
    assert find('mapping', 'ordered', table) is OrderedDict
    assert find('mapping', 'collections:OrderedDict', {}) is OrderedDict


@pytest.mark.parametrize(
    'name', ['webcam', '', ':', 'nowhere:Camera', 'nowhere.at.all:Camera', 'collections']
)
def test_class_that_is_not_there_is_named_with_those_there_are(name):
    with pytest.raises(ConfigError, match=f"source: got '{name}', expected one of sim, v4l2, fi"):
        find('source', name, SOURCES)


def test_module_that_is_not_on_the_path_is_told_how_to_get_there(tmp_path, monkeypatch):
    tmp_path.joinpath('my_camera.py').write_text('from vla_ros.hardware.opencv import File\n')
    with pytest.raises(ConfigError, match='module my_camera is not found: .* to PYTHONPATH'):
        find('source', 'my_camera:File', SOURCES)
    monkeypatch.syspath_prepend(tmp_path)
    assert issubclass(find('source', 'my_camera:File', SOURCES), CameraSource)


def test_module_without_the_class_is_named():
    with pytest.raises(ConfigError, match="and collections has no 'Camera'"):
        find('source', 'collections:Camera', SOURCES)


def test_library_that_an_entry_needs_is_named_with_what_installs_it(tmp_path, monkeypatch):
    tmp_path.joinpath('my_arm.py').write_text('import mujoco_of_nobody\n')
    tmp_path.joinpath('my_scene.py').write_text('import mujoco\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, 'mujoco', None)
    with pytest.raises(ConfigError, match='driver my_arm:Arm: mujoco_of_nobody is not installed'):
        find('driver', 'my_arm:Arm', {})
    with pytest.raises(ConfigError, match=r"driver my_scene:Arm: mujoco .*pip install '.*\[sim\]"):
        find('driver', 'my_scene:Arm', {})


@pytest.mark.parametrize('table, promise', [(SOURCES, CameraSource), (DRIVERS, Driver)])
def test_whatever_is_in_a_table_keeps_its_promise(table, promise):
    pytest.importorskip('mujoco', reason="needs pip install 'vla_ros[sim]'")
    assert all(issubclass(find('entry', name, table), promise) for name in table)
