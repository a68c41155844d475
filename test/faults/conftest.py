# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The real graph in a ROS domain of its own, and the table of what was seen."""

import os
from pathlib import Path

from ros_domain import isolated

os.environ.update(isolated())  # before rclpy is imported

import pytest
from faults.table import format_table, write_report

ROWS = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption('--faults-report', metavar='FILE', help='write the fault table as JSON')


def pytest_configure(config):
    config.stash[ROWS] = []


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[ROWS]
    if rows:
        terminalreporter.section('faults injected, and what was seen')
        for line in format_table(rows):
            terminalreporter.write_line(line)
    if rows and config.getoption('--faults-report'):
        write_report(Path(config.getoption('--faults-report')), rows)


@pytest.fixture(scope='session')
def table(pytestconfig):
    """Return the list that every fault adds its row to."""
    return pytestconfig.stash[ROWS]


@pytest.fixture(scope='module')
def lateness():
    """Return what measures how late this machine is."""
    from faults.observe import Lateness

    lateness = Lateness()
    yield lateness
    lateness.close()


@pytest.fixture(scope='module')
def start_run(tmp_path_factory, table, lateness):
    """Return the function that starts the graph in place of the last; it returns an Observer."""
    pytest.importorskip('rclpy')
    pytest.importorskip('mujoco')
    from faults.graph import Graph
    from faults.monitor import Monitor
    from faults.observe import Observer

    opened = []

    def close():
        while opened:
            opened.pop().close()

    def start(prepare=None, **given):
        close()
        monitor = Monitor()
        opened.append(monitor)
        if prepare:
            prepare(monitor)
        graph = Graph(tmp_path_factory.mktemp('graph'), monitor, **given)
        opened.append(graph)
        return Observer(graph, monitor, table, lateness)

    yield start
    close()


@pytest.fixture
def start_swing(start_run, tmp_path):
    """Return the function that starts an action queue, for which the test is robot and policy."""
    from faults.swing import Swing, write_queue_job

    def start(launcher, **given):
        return start_run(Swing, launcher=launcher, job=write_queue_job(tmp_path), **given)

    return start
