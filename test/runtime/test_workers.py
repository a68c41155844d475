# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Workers answer in order, and end with whoever asked them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from patience import PATIENCE

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.runtime.tether import is_running
from vla_ros.runtime.workers import work

ASKER = """
import sys, time
from multiprocessing import active_children
from vla_ros.runtime.workers import work

def ask():
    done = work(time.sleep, [0.0, 600.0, 600.0], 2)
    next(done)
    print(*(child.pid for child in active_children()), flush=True)
    next(done)

if __name__ == '__main__':
    code = 0
    try:
        ask()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
"""


def test_answers_come_in_the_order_of_the_tasks():
    assert list(work(abs, range(-3, 3), 2)) == [3, 2, 1, 0, 1, 2]
    assert list(work(abs, [], 2)) == []


def test_a_task_that_fails_ends_the_work_with_its_error():
    with pytest.raises(ConfigError, match="'nothing', expected one of"):
        list(work(partial(find_config, 'robots'), ['so101', 'nothing'], 2))


def test_a_worker_that_is_killed_ends_the_work_instead_of_hanging_it():
    with pytest.raises(VlaError, match='a worker process died: .* fewer --workers'):
        list(work(os._exit, [1], 2))


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_who_asked(tmp_path, how):
    """Ctrl-C and the end of a terminal reach every process of the group, and print nothing."""
    script = tmp_path / 'asker.py'
    script.write_text(ASKER)
    asker = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    workers = [int(word) for word in asker.stdout.readline().split()]
    assert len(workers) == 2 and all(map(is_running, workers))
    terminal = how in (signal.SIGINT, signal.SIGHUP)
    (os.killpg if terminal else os.kill)(asker.pid, how)
    _, said = asker.communicate(timeout=PATIENCE)
    assert 'Spawn' not in said
    end = time.monotonic() + PATIENCE
    while any(map(is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_running, workers))
