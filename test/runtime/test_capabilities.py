# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The doctor says what is there, what is not, and what is missing for what."""

import json
from argparse import ArgumentParser

import pytest

from vla_ros.runtime import capabilities
from vla_ros.runtime.backends.table import BACKENDS
from vla_ros.runtime.capabilities import Capability, try_out
from vla_ros.runtime.placement import NodePlacement
from vla_ros.tools import doctor


@pytest.mark.parametrize('backend', BACKENDS)
def test_back_end_that_works_runs_the_tiny_model(backend):
    pytest.importorskip(backend)
    assert try_out(NodePlacement(backend=backend, threads=1)) == ''


def test_back_end_that_does_not_work_says_why():
    wrong = try_out(NodePlacement(providers=('NoSuchExecutionProvider',)))
    assert "got providers ['NoSuchExecutionProvider']" in wrong


def test_table_names_what_is_missing_and_the_mend(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(capabilities, '_loads', lambda library: False)
    monkeypatch.setattr(capabilities, '_may_run_realtime', lambda: False)
    parser = ArgumentParser()
    doctor.add_arguments(parser)
    assert doctor.run(parser.parse_args(['--json', str(tmp_path / 'doctor.json')])) == 0
    text = capsys.readouterr().out
    assert 'EGL: the simulation renders no pictures: apt install' in text
    assert 'real-time priority: the command loop keeps time worse' in text
    assert 'yes CPUExecutionProvider' in text
    found = json.loads((tmp_path / 'doctor.json').read_text())
    egl = next(item for item in found if item['name'] == 'EGL')
    assert (egl['group'], egl['there']) == ('devices', False)


def test_package_that_is_not_installed_is_told_with_the_extra_that_brings_it(monkeypatch):
    known = capabilities.version
    monkeypatch.setattr(
        capabilities, 'version', lambda name: None if name == 'lerobot' else known(name)
    )
    found = {item.name: item for item in capabilities._packages()}
    assert not found['lerobot'].there and "'vla_ros[train]'" in found['lerobot'].missing
    assert found['onnx'].there and not found['onnx'].missing


def test_table_without_gaps_has_no_list_of_them():
    text = doctor.table([Capability('machine', 'cores', True, '2')])
    assert text == 'machine\n  yes cores  2'


def test_processor_without_8_bit_products_is_told_to_take_other_recipes(monkeypatch):
    monkeypatch.setattr(capabilities, 'isa', lambda: {'avx2': 'fp32 products'})
    missing = [item for item in capabilities._machine() if not item.there]
    assert [item.name for item in missing] == ['8-bit products', 'bf16 products']


def test_each_view_says_what_it_lacks(monkeypatch, tmp_path):
    (tmp_path / 'lib' / 'rviz2').mkdir(parents=True)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    monkeypatch.setattr(capabilities, 'find_spec', lambda name: None)
    monkeypatch.setattr(capabilities, 'version', lambda name: '')
    views = {item.name: item for item in capabilities._views()}
    assert views['rviz'].there and not views['rviz'].missing
    assert views['foxglove'].missing.endswith('apt install ros-$ROS_DISTRO-foxglove-bridge')
    assert 'pip install aiohttp' in views['web'].missing and not views['web'].there
    assert 'no /tf' in views['frames'].missing
