# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A placement file says where each node runs; what it says happens or is refused."""

import os
import resource
import subprocess
import sys
import threading

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.runtime.placement import NodePlacement, apply, load_placement, save_placement

FILE = """
description: two cores
defaults: {threads: 1}
nodes:
  vision_encoder: {cores: [0], threads: 2, priority: 5}
  llm_backbone: {device: gpu, providers: [TensorrtExecutionProvider]}
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a placement file."""

    def write_text(text):
        path = tmp_path / 'board.yaml'
        path.write_text(text)
        return path

    return write_text


def test_each_node_has_its_placement_over_the_defaults(write):
    placement = load_placement(write(FILE))
    assert placement.node('vision_encoder') == NodePlacement(cores=(0,), threads=2, priority=5)
    backbone = placement.node('llm_backbone')
    assert (backbone.device, backbone.threads) == ('gpu', 1)
    assert backbone.providers == ('TensorrtExecutionProvider',)


def test_node_that_the_file_does_not_name_takes_the_defaults(write):
    assert load_placement(write(FILE)).node('action_expert') == NodePlacement(threads=1)


def test_file_without_nodes_places_nothing(write):
    assert load_placement(write('nodes:')).node('camera') == NodePlacement()


def test_placement_that_is_written_is_read_back(write, tmp_path):
    settings = 'settings: {openvino: {NUM_STREAMS: 1}}, spinning: true'
    text = f'{FILE}  action_expert: {{backend: openvino, precision: bf16, {settings}}}\n'
    placement = load_placement(write(text))
    save_placement(placement, tmp_path / 'copy.yaml')
    assert load_placement(tmp_path / 'copy.yaml') == placement


def test_settings_may_be_of_a_provider_that_another_node_runs_on(write):
    settings = 'settings: {QNNExecutionProvider: {htp_performance_mode: burst}, openvino: {}}'
    text = f'defaults: {{{settings}}}\nnodes:\n  camera: {{}}\n'
    text += '  vision_encoder: {device: npu, providers: [QNNExecutionProvider]}\n'
    assert load_placement(write(text)).node('camera').device == 'cpu'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('nodes: {camera: {device: tpu}}', "nodes: camera: device: got 'tpu', expected one of"),
        ('nodes: {camera: {device: [tpu]}}', r"device: got \['tpu'\], expected one of"),
        ('nodes: {camera: {7: 9}}', r"nodes: camera: got \['7'\], expected keys of"),
        ('nodes: {camera: {speed: 9}}', r"nodes: camera: got \['speed'\], expected keys of"),
        ('nodes: {camera: {thread: 9}}', r"got \['thread'\].*; did you mean threads?"),
        (
            'nodes: {camera: {settings: {openvno: {}}}}',
            "settings: got 'openvno', .*mean openvino",
        ),
        (
            'defaults: {settings: {CUDAExecutionProvder: {a: 1}}}',
            "defaults: settings: got 'CUDAExecutionProvder', .*did you mean CUDAExecutionProvider",
        ),
        ('nodes: {camera: {threads: -1}}', 'threads: got -1, expected a whole number 0 to'),
        ('nodes: {camera: {threads: 1.5}}', 'threads: got 1.5'),
        ('nodes: {camera: {priority: 20}}', 'priority: got 20'),
        ('nodes: {camera: {cores: 1}}', 'cores: got 1, expected a list of int'),
        ('nodes: {camera: {cores: [-1]}}', 'cores: got -1, expected a whole number 0 to'),
        ('nodes: {camera: {cores: [1, 0, 1]}}', 'cores: got 1 twice, expected each once'),
        ('nodes: {camera: {providers: [1]}}', r'providers: got \[1\], expected a list of str'),
        ('nodes: {camera: fast}', "camera: got 'fast', expected a mapping"),
        ('nodes: [camera]', 'nodes: got'),
        ('defaults: {device: tpu}', "defaults: device: got 'tpu'"),
        ('machines: {}', 'machines'),
    ],
)
def test_wrong_value_is_named_with_file_and_node(write, text, message):
    with pytest.raises(ConfigError, match=f'board.yaml.*{message}'):
        load_placement(write(text))


def test_inference_takes_the_threads_asked_for_else_one_per_core():
    assert NodePlacement(threads=3, cores=(0, 1)).thread_count() == 3
    allowed = os.sched_getaffinity(0)
    assert NodePlacement().thread_count() == len(allowed)
    assert NodePlacement(cores=tuple(allowed)).thread_count() == len(allowed)
    # those of a container may be fewer than those of the file
    assert NodePlacement(cores=(min(allowed), 4000)).thread_count() == 1


def test_core_is_there_whatever_others_are_switched_off(monkeypatch):
    monkeypatch.setattr(os, 'cpu_count', lambda: 1)
    monkeypatch.setattr(os, 'sysconf', {'SC_NPROCESSORS_CONF': 8}.__getitem__)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda thread: {0, 5})
    placed = []
    monkeypatch.setattr(os, 'sched_setaffinity', lambda thread, cores: placed.append(cores))
    assert apply(NodePlacement(cores=(5,))) == []
    assert set(placed) == {(5,)}


def test_core_that_is_not_there_is_named():
    with pytest.raises(
        ConfigError, match='cores: got .4000.*expected cores of this machine, 0 to'
    ):
        apply(NodePlacement(cores=(0, 4000)))


def run_apart(code):
    """Run Python in a process of its own, for a placement can't be undone."""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_every_thread_of_the_process_is_placed():
    core = max(os.sched_getaffinity(0))
    code = f"""
import os, threading
from vla_ros.runtime.placement import NodePlacement, apply
stop = threading.Event()
early = threading.Thread(target=stop.wait); early.start()
assert apply(NodePlacement(cores=({core},), priority=7)) == []
late = threading.Thread(target=stop.wait); late.start()
for thread in (early, late):
    print(*os.sched_getaffinity(thread.native_id), os.getpriority(0, thread.native_id))
stop.set()
"""
    assert run_apart(code) == [str(core), '7'] * 2


def test_realtime_places_every_thread_under_sched_fifo_where_it_is_permitted():
    code = """
import os
from vla_ros.runtime.placement import NodePlacement, apply
warnings = apply(NodePlacement(realtime=3))
print('refused' if any('SCHED_FIFO' in warning for warning in warnings) else 'permitted')
print(os.sched_getscheduler(0) == os.SCHED_FIFO and os.sched_getparam(0).sched_priority == 3)
"""
    assert run_apart(code) in (['permitted', 'True'], ['refused', 'False'])


def test_realtime_that_is_not_permitted_is_a_warning():
    code = """
import os
from vla_ros.runtime.placement import NodePlacement, apply
if os.getuid() == 0:
    os.setuid(65534)  # nobody; root may take any priority
print(*apply(NodePlacement(realtime=40)))
"""
    words = run_apart(code)
    assert words[:6] == ['realtime', '40', '(SCHED_FIFO)', 'is', 'not', 'permitted:']
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    assert unlimited or '(no unlimited memlock in' in ' '.join(words)


def test_realtime_process_keeps_its_memory_in_ram_where_it_is_permitted():
    code = """
from pathlib import Path
from vla_ros.runtime.memory import lock_memory
obstacle = lock_memory()
block = bytearray(2**24)
lines = Path('/proc/self/status').read_text().splitlines()
locked = next(int(line.split()[1]) for line in lines if line.startswith('VmLck:'))
print(locked > 2**14 if not obstacle else locked == 0)
"""
    assert run_apart(code) == ['True']


def test_priority_that_is_not_permitted_is_a_warning():
    code = """
import os
from vla_ros.runtime.placement import NodePlacement, apply
if os.geteuid() == 0:
    os.setuid(65534)  # nobody; root may take any priority
print(*apply(NodePlacement(priority=-20)))
"""
    assert run_apart(code)[:5] == ['priority', '-20', 'is', 'not', 'permitted:']


def test_default_placement_changes_nothing():
    before = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert apply(NodePlacement()) == []
    after = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert after == before
