# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fixtures that tests of several folders share, and a display-less OpenGL for all of them.

A file whose tests need a library of an extra that is not installed is skipped and says so; no
other file with it, and a session in which nothing ran fails.
"""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import vla_ros.sim  # noqa: F401  # chooses the OpenGL, and has to before a test imports MuJoCo
from vla_ros.core.extras import EXTRAS


class OptionalModule(pytest.Module):
    """A file of tests, some of which need what this Python lacks."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Skip the file where a library is missing that an extra brings."""
        try:
            return super().collect()
        except self.CollectError as error:
            name = str(getattr(error.__cause__, 'name', None) or '').partition('.')[0]
            extra = EXTRAS.get(name)
            if extra is None:
                raise
            pytest.skip(f"needs {name}: pip install 'vla_ros[{extra}]'", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> OptionalModule:
    """Collect every file of tests as one that may lack something."""
    return OptionalModule.from_parent(parent, path=module_path)


def pytest_configure() -> None:
    """Answer signals as usual: what nohup or a job in the background ignores, every child does."""
    usual = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    for number, handler in usual.items():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a session in which tests were asked for and none ran: all were skipped."""
    reporter = session.config.pluginmanager.get_plugin('terminalreporter')
    if reporter is None or exitstatus != pytest.ExitCode.OK or session.config.option.collectonly:
        return
    ran = sum(len(reporter.stats.get(kind, ())) for kind in ('passed', 'xfailed', 'xpassed'))
    if not ran:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


if find_spec('hypothesis'):
    from hypothesis import settings

    # how long an example takes says something about the machine, and nothing about the code
    settings.register_profile('vla_ros', deadline=None)
    settings.load_profile('vla_ros')


@pytest.fixture(autouse=True)
def usual_scheduling():
    """Fail a test that leaves its thread with a real-time priority: all that follow inherit it."""
    before = os.sched_getscheduler(0)
    yield
    assert os.sched_getscheduler(0) == before


@pytest.fixture(scope='session')
def tiny_bundle(tmp_path_factory):
    """Return the folder of a policy bundle that runs in microseconds; not to be altered."""
    pytest.importorskip('onnx', reason="needs pip install 'vla_ros[quantize]'")
    from bundles import write_tiny_bundle

    return write_tiny_bundle(tmp_path_factory.mktemp('policies') / 'tiny')
