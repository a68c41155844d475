# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The two ends of a measurement: one process hands tensors to another in each of several ways.

`vla_ros benchmark transport` starts both. The sender takes the name of a way from each line of its
input and prints the seconds until the receiver had read every byte, or ``lost``.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import Float64MultiArray

from vla_ros.msg import Features
from vla_ros.ros import qos
from vla_ros.ros.lifecycle import VlaNode, context_is_gone
from vla_ros.ros.tensors import TensorReceiver, TensorSender
from vla_ros.runtime.memory import keep_freed_memory
from vla_ros.runtime.session import TensorSpec

# name -> (parameter shared_memory, quality of service)
WAYS: dict[str, tuple[str, QoSProfile]] = {
    'slots': ('always', qos.LATEST),  # the array was made where it lies, as the nodes do
    'copied': ('always', qos.LATEST),  # into a slot
    'reliable': ('never', qos.LATEST),
    'best_effort': ('never', qos.SENSOR),
}
PATIENCE = 2.0  # s after which a tensor is lost


def receive() -> None:
    """Sum up what arrives, and answer when that was done, with the sum."""
    node = _start('receiver')
    answers = node.create_publisher(Float64MultiArray, 'answer', qos.LATEST)

    def on_features(tensors: TensorReceiver, msg: Features) -> None:
        with tensors.open(msg.tensors, ('values',)) as got:
            total = float(np.add.reduce(got['values'].view(np.uint64)) % 2**32)
        answers.publish(Float64MultiArray(data=[time.monotonic(), total]))

    for way, (_, profile) in WAYS.items():
        node.create_subscription(Features, way, partial(on_features, TensorReceiver()), profile)
    try:
        rclpy.spin(node)
    except ExternalShutdownException:
        pass
    except RuntimeError as error:
        if not context_is_gone(error):
            raise


def send(size: int) -> None:
    """Hand a tensor of ``size`` bytes over for each line of the input; print how long it took."""
    node = _start('sender')
    got: list[list[float]] = []
    node.create_subscription(
        Float64MultiArray, 'answer', lambda msg: got.append(list(msg.data)), qos.LATEST
    )
    senders = {}
    for way, (choice, profile) in WAYS.items():
        publisher = node.create_publisher(Features, way, profile)
        senders[way] = TensorSender(node, publisher, choice)
    _wait(node, lambda: node.count_subscribers('best_effort') and node.count_publishers('answer'))
    values = np.random.default_rng(0).integers(0, 2**63, size // 8, np.uint64)
    spec = TensorSpec('uint64', values.shape)
    print('ready', flush=True)
    for count, line in enumerate(sys.stdin):
        values[0] = count
        got.clear()
        way = line.strip()
        sender, made = senders[way], values
        if way == 'slots' and (slot := sender.loan('values', spec)) is not None:
            slot[:] = values
            made = slot
        print(_hand_over(node, sender, made, got), flush=True)
    for sender in senders.values():
        sender.close()


def _hand_over(
    node: Node, sender: TensorSender, values: np.ndarray, got: list[list[float]]
) -> float | str:
    """Return the seconds until the receiver had read the values, or that they were lost."""
    total = float(np.add.reduce(values) % 2**32)
    began = time.monotonic()
    sender.publish(Features(), {'values': values})
    if not _wait(node, lambda: got):
        return 'lost'
    if got[0][1] != total:
        return 'torn'
    return got[0][0] - began


def _start(name: str) -> VlaNode:
    keep_freed_memory()
    rclpy.init()
    return VlaNode(name)


def _wait(node: Node, condition: Callable[[], object]) -> bool:
    """Spin until ``condition()`` holds; return whether it did in time."""
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    return bool(condition())
