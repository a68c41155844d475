# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What this machine can do for the suite; what can be tried is tried."""

import ctypes
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vla_ros.core.errors import VlaError
from vla_ros.core.extras import EXTRAS
from vla_ros.runtime.backends.table import BACKENDS, is_here
from vla_ros.runtime.machine import isa, memory, processor, version
from vla_ros.runtime.placement import NodePlacement
from vla_ros.runtime.session import load

# an ONNX model, y = x + x for (1, 4) float32
MODEL = bytes.fromhex(
    '08083a3d0a0e0a01780a017812017922034164641201745a130a0178120e0a0c080112080a020801'
    '0a02080462130a0179120e0a0c080112080a0208010a02080442040a001011'
)
# optional packages: what there is not without each
LACKING = {
    'mujoco': 'no simulation',
    'matplotlib': 'no figures and reports',
    'onnx': 'no quantizing and no planning',
    'lerobot': 'no training, no export, and no datasets to quantize with',
}
# the package that each view of a deployment needs, besides this one
VIEWS = {'rviz': 'rviz2', 'foxglove': 'foxglove_bridge'}
_NO_PAGE = 'no live page: pip install aiohttp, or apt install python3-aiohttp'
ENOUGH_SHARED_MEMORY = 256e6  # bytes: segments of Fast DDS and the tensors of a SmolVLA


@dataclass(frozen=True)
class Capability:
    """One line of the table."""

    group: str
    name: str
    there: bool
    detail: str
    missing: str = ''  # for what it is missing, and what to do

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def capabilities() -> list[Capability]:
    """Return what this machine has and lacks."""
    return [
        *_machine(),
        *_system(),
        *(item for name in BACKENDS for item in _backend(name)),
        *_packages(),
        *_views(),
        *_devices(),
    ]


def try_out(placement: NodePlacement) -> str:
    """Run a tiny model as ``placement`` says; return what went wrong, empty for nothing."""
    with TemporaryDirectory(prefix='vla_ros.doctor.') as folder:
        path = Path(folder, 'sum.onnx')
        path.write_bytes(MODEL)
        try:
            x = np.arange(4, dtype=np.float32)[None]
            y = load(path, placement).run({'x': x})['y']
        except VlaError as error:
            return str(error).replace(f'{path}: ', '')
    return (
        '' if np.allclose(y, 2 * x, rtol=0.01) else f'computed {y.tolist()} for 2 * {x.tolist()}'
    )


def _machine() -> Iterator[Capability]:
    yield Capability('machine', 'processor', True, processor())
    yield Capability('machine', 'cores', True, str(len(os.sched_getaffinity(0))))
    yield Capability('machine', 'memory', True, f'{memory() / 1e9:.1f} GB')
    found = isa()
    for name, use in found.items():
        yield Capability('machine', name, True, use)
    products = ' '.join(found.values())
    for kind in ('8-bit', 'bf16'):
        if f'{kind} products' not in products:
            text = f'{kind} blocks are no faster than fp32 here: take other recipes'
            yield Capability('machine', f'{kind} products', False, 'no instructions', text)


def _system() -> Iterator[Capability]:
    allowed = _may_run_realtime()
    text = 'the command loop keeps time worse: allow rtprio in /etc/security/limits.conf'
    yield Capability(
        'system', 'real-time priority', allowed, 'SCHED_FIFO', '' if allowed else text
    )
    size = shutil.disk_usage('/dev/shm').total if Path('/dev/shm').is_dir() else 0
    enough = size >= ENOUGH_SHARED_MEMORY
    text = 'images and tensors go slowly or not at all: docker run --shm-size=1g, or --ipc=host'
    detail = f'{size / 1e6:.0f} MB'
    yield Capability('system', 'shared memory', enough, detail, '' if enough else text)
    ros = os.environ.get('ROS_DISTRO') or version('ros-rclpy')
    text = '' if ros else 'no node runs: source a ROS 2, or pip install vla_ros'
    yield Capability('system', 'ROS 2', bool(ros), f'rclpy {ros}' if ros else '', text)


def _backend(name: str) -> Iterator[Capability]:
    """Yield a back end and its devices, each of which runs a tiny model."""
    if not is_here(name):
        text = f"its recipes do not run: pip install 'vla_ros[{BACKENDS[name].extra or name}]'"
        yield Capability('inference', name, False, '', text)
        return
    yield Capability('inference', name, True, version(name) or '')
    for found in BACKENDS[name].devices():
        wrong = try_out(
            NodePlacement(backend=name, device=found.device, providers=found.providers, threads=1)
        )
        detail = '' if wrong else found.detail or 'runs a model'
        yield Capability('inference', found.name, not wrong, detail, wrong)


def _packages() -> Iterator[Capability]:
    for name, lacking in LACKING.items():
        found = version(name)
        text = '' if found else f"{lacking}: pip install 'vla_ros[{EXTRAS[name]}]'"
        yield Capability('packages', name, bool(found), found or '', text)


def _views() -> Iterator[Capability]:
    """Yield what there is to watch an arm with (the argument ``view`` of a deployment)."""
    page = version('aiohttp')
    detail = f'aiohttp {page}' if page else ''
    yield Capability('views', 'web', bool(page), detail, '' if page else _NO_PAGE)
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    for view, package in VIEWS.items():
        there = any(Path(prefix, 'lib', package).is_dir() for prefix in prefixes if prefix)
        deb = package.replace('_', '-')
        text = '' if there else f'no view:={view}: apt install ros-$ROS_DISTRO-{deb}'
        yield Capability('views', view, there, package, text)
    frames = find_spec('tf2_msgs') is not None
    text = '' if frames else 'no /tf, so that RViz draws no arm: source a ROS 2, PyPI has none'
    yield Capability('views', 'frames', frames, 'tf2_msgs', text)


def _devices() -> Iterator[Capability]:
    cameras = sorted(str(path) for path in Path('/dev').glob('video*'))
    text = '' if cameras else 'no real camera can be opened: plug one in, or pass /dev/video* on'
    yield Capability('devices', 'v4l2 cameras', bool(cameras), ', '.join(cameras), text)
    egl = _loads('libEGL.so.1')
    text = '' if egl else 'the simulation renders no pictures: apt install libegl1 libgl1-mesa-dri'
    yield Capability('devices', 'EGL', egl, 'libEGL.so.1' if egl else '', text)


def _may_run_realtime() -> bool:
    """Try it, in a thread of its own."""
    allowed = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            return
        allowed.append(True)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(allowed)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
