# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes that are run as one: shell scripts, really started."""

import errno
import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from patience import PATIENCE

from vla_ros.core.errors import VlaError
from vla_ros.deployment.restarts import LIMIT
from vla_ros.deployment.supervisor import ONE_PRESS, Command, Supervisor, describe_exit

SLEEP = 'sleep 600'


def shell(name: str, script: str, **role: bool) -> Command:
    return Command(name, ['sh', '-c', script], dict(os.environ), **role)


def run(*commands: Command, grace: float = 5.0) -> tuple[int, str, Supervisor]:
    out = io.StringIO()
    supervisor = Supervisor(commands, out, grace)
    return supervisor.run(), out.getvalue(), supervisor


def interrupt_after(*delays: float, number: int = signal.SIGINT) -> None:
    """Send a signal to this process after each of the delays (s)."""
    for delay in delays:
        threading.Timer(delay, os.kill, (os.getpid(), number)).start()


def is_alive(pid: int) -> bool:
    return Path(f'/proc/{pid}').exists()


def test_the_run_is_over_when_the_process_that_ends_it_is_done() -> None:
    code, text, supervisor = run(shell('job', 'sleep 0.3', ends_run=True), shell('other', SLEEP))
    assert code == 0
    assert 'job is done' in text
    assert {usage.name: usage.exit_code for usage in supervisor.usages} == {
        'job': 0,
        'other': -signal.SIGTERM,
    }


def test_the_run_fails_with_the_process_that_ends_it() -> None:
    code, text, _ = run(shell('job', 'echo broken; exit 3', ends_run=True))
    assert code == 1
    assert 'job died: exit code 3' in text


def test_a_required_process_that_dies_is_reported_with_its_last_lines_and_stops_all() -> None:
    script = 'for i in $(seq 40); do echo line $i; done; kill -9 $$'
    code, text, _ = run(shell('arm', script, required=True), shell('other', SLEEP))
    report = text.partition('arm died: killed by SIGKILL')[2]
    assert code == 1
    assert 'line 40' in report and 'line 26' in report and 'line 25\n' not in report


def test_the_report_of_a_death_comes_last() -> None:
    noisy = "trap 'echo bye; exit' TERM; while true; do sleep 0.05; done"
    arm = shell('arm', 'sleep 0.5; echo too hot; exit 1', required=True)
    _, text, _ = run(arm, shell('other', noisy))
    assert text.index('[other] bye') < text.index('[up] arm died: exit code 1')
    assert text.endswith('[up]     too hot\n')


def test_a_required_process_must_not_end_at_all() -> None:
    code, text, _ = run(shell('arm', 'true', required=True), shell('other', SLEEP))
    assert code == 1
    assert 'arm died (exit code 0), and the run needs it' in text


def test_the_run_goes_on_without_a_process_that_nobody_needs() -> None:
    viewer, job = shell('view', 'exit 1'), shell('job', 'sleep 0.5', ends_run=True)
    code, text, _ = run(viewer, job)
    assert code == 0
    assert 'view died: exit code 1' in text


def test_a_process_that_closes_its_output_is_waited_for_and_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[float] = []
    step = Supervisor._step
    monkeypatch.setattr(
        Supervisor, '_step', lambda self, now: steps.append(now) or step(self, now)
    )
    code, text, _ = run(shell('job', 'echo bye; exec >&- 2>&-; sleep 1', ends_run=True))
    assert code == 0 and '[job] bye' in text
    assert len(steps) < 100  # looks at it, ten per second


def test_a_line_that_never_ends_is_shown_in_pieces() -> None:
    piece = "head -c 100000 /dev/zero | tr '\\0' x; sleep 0.5"
    _, text, _ = run(shell('job', f'{piece}; {piece}; {piece}', ends_run=True))
    lengths = [len(line) for line in text.splitlines()]
    assert text.count('x') == 300_000 and max(lengths) < 200_000


def test_a_process_that_respawns_is_started_again() -> None:
    code, text, supervisor = run(
        shell('camera', 'echo hello; sleep 1; exit 1', respawn=True),
        shell('job', 'sleep 1.6', ends_run=True),
    )
    assert code == 0
    assert text.count('[camera] hello') == 2
    assert [usage.name for usage in supervisor.usages].count('camera') == 2


def test_a_process_that_can_not_live_is_given_up_with_its_last_lines() -> None:
    code, text, supervisor = run(
        shell('camera', 'echo no lens; exit 1', respawn=True), shell('other', SLEEP)
    )
    assert code == 1
    assert [usage.name for usage in supervisor.usages].count('camera') == 1 + LIMIT
    assert f'camera died more than {LIMIT} times in 60 s: stopping' in text
    assert text.endswith('[up] camera died: exit code 1. Its last lines:\n[up]     no lens\n')


def test_a_frozen_process_is_killed_and_started_again() -> None:
    script = 'echo hello; kill -STOP $$; exit 1'
    job = shell('job', 'sleep 1.5', ends_run=True)
    code, text, supervisor = run(shell('camera', script, respawn=True), job)
    assert code == 0
    assert 'camera is frozen (stopped by a signal): killing it' in text
    assert text.count('[camera] hello') >= 2


def test_a_frozen_process_that_can_not_be_replaced_is_only_told_of() -> None:
    arm = shell('arm', 'kill -STOP $$; exit 1', required=True)
    code, text, _ = run(arm, shell('job', 'sleep 0.8', ends_run=True))
    assert code == 0
    assert text.count('arm is frozen (stopped by a signal)') == 1


def test_one_interrupt_stops_every_process_and_gives_its_exit_code() -> None:
    interrupt_after(0.3)
    code, text, supervisor = run(shell('one', SLEEP), shell('two', SLEEP))
    assert code == 128 + signal.SIGINT
    assert [usage.exit_code for usage in supervisor.usages] == [-signal.SIGTERM] * 2
    assert 'SIGINT: stopping' in text


@pytest.mark.parametrize(
    ('handler', 'expected'), [(signal.SIG_DFL, 128 + signal.SIGHUP), (signal.SIG_IGN, 0)]
)
def test_a_hangup_stops_the_run_unless_nohup_started_it(
    handler: signal.Handlers, expected: int
) -> None:
    before = signal.signal(signal.SIGHUP, handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGHUP)).start()
        code, _, _ = run(shell('job', 'sleep 1', ends_run=True))
        assert code == expected and signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_process_that_does_not_stop_in_time_is_killed() -> None:
    stubborn = 'trap "" INT TERM; while true; do sleep 0.1; done'
    interrupt_after(0.3)
    _, text, supervisor = run(shell('stubborn', stubborn), grace=0.3)
    assert 'killing stubborn' in text
    assert [usage.exit_code for usage in supervisor.usages] == [-signal.SIGKILL]


def test_interrupts_at_once_are_one() -> None:
    """A terminal that closes and a service manager send two: an arm has to brake all the same."""
    slow = 'trap "sleep 0.5; exit 3" TERM; while true; do sleep 0.05; done'
    interrupt_after(0.3, 0.35)
    _, _, supervisor = run(shell('slow', slow))
    assert [usage.exit_code for usage in supervisor.usages] == [3]


def test_a_second_interrupt_kills_at_once() -> None:
    stubborn = 'trap "" INT TERM; while true; do sleep 0.1; done'
    interrupt_after(0.3, 0.5 + ONE_PRESS)
    before = time.monotonic()
    _, _, supervisor = run(shell('stubborn', stubborn), grace=60.0)
    assert [usage.exit_code for usage in supervisor.usages] == [-signal.SIGKILL]
    assert time.monotonic() - before < 5.0


def arm_that_brakes_for(seconds: float) -> Command:
    return shell('arm', f'trap "sleep {seconds}; exit 3" TERM; while true; do sleep 0.05; done')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_interrupt_of_a_run_that_stops_anyway_is_no_second_one(number: int) -> None:
    """A service manager ends every process at once: a death may be seen before the signal is."""
    interrupt_after(0.6, number=number)
    driver = shell('driver', 'sleep 0.3; exit 1', required=True)
    code, text, supervisor = run(driver, arm_that_brakes_for(0.6))
    assert code == 1 and 'killing' not in text
    assert {usage.name: usage.exit_code for usage in supervisor.usages} == {'driver': 1, 'arm': 3}


def test_a_terminal_that_closes_on_a_run_that_stops_is_not_impatience() -> None:
    interrupt_after(0.3)
    interrupt_after(0.5 + ONE_PRESS, number=signal.SIGHUP)
    code, _, supervisor = run(arm_that_brakes_for(0.6 + ONE_PRESS))
    assert code == 128 + signal.SIGINT
    assert [usage.exit_code for usage in supervisor.usages] == [3]


class Terminal(io.StringIO):
    """Fails as ``error`` says where a line is shown that is to fail."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        if 'fail now' in text:
            raise self._error
        return super().write(text)

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


def test_processes_get_their_time_to_stop_where_the_run_itself_fails(tmp_path: Path) -> None:
    arm = f'trap "sleep 0.3; echo > {tmp_path}/braked; exit" TERM; echo fail now; {SLEEP} & wait'
    with pytest.raises(ValueError, match='a defect'):
        Supervisor([shell('arm', arm)], Terminal(ValueError('a defect'))).run()
    assert (tmp_path / 'braked').exists()


def test_a_terminal_that_is_gone_stops_every_process(tmp_path: Path) -> None:
    arm = f'trap "sleep 0.3; echo > {tmp_path}/braked; exit" TERM; echo fail now; {SLEEP} & wait'
    run = Supervisor([shell('arm', arm)], Terminal(OSError(errno.EIO, 'gone')))
    interrupt_after(0.3)  # the hangup that comes with it
    assert run.run() >= 128
    assert (tmp_path / 'braked').exists()


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    grandchild = f'sleep 600 & echo $! > {tmp_path}/pid'
    code, _, _ = run(shell('job', grandchild, ends_run=True))
    pid = int((tmp_path / 'pid').read_text())
    deadline = time.monotonic() + PATIENCE
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert code == 0
    assert not is_alive(pid)


def test_lines_carry_the_name_of_their_process_and_are_never_mixed() -> None:
    script = 'for i in 1 2 3; do printf "%s-a " $0; sleep 0.05; echo b; done; printf end'
    _, text, _ = run(shell('one', script), shell('two', script))
    lines = [line for line in text.splitlines() if not line.startswith('[up]')]
    assert sorted(set(lines)) == ['[one] end', '[one] sh-a b', '[two] end', '[two] sh-a b']


def test_memory_and_cpu_time_of_each_process_are_measured() -> None:
    spin = 'i=0; while [ $i -lt 800000 ]; do i=$((i+1)); done; sleep 0.2'
    _, _, supervisor = run(shell('busy', spin, ends_run=True), shell('idle', SLEEP))
    usages = {usage.name: usage for usage in supervisor.usages}
    assert usages['busy'].cpu > 5 * usages['idle'].cpu
    assert 0.0 <= usages['idle'].share < 0.2
    assert 50e3 < usages['idle'].memory < 20e6


def test_a_command_that_cannot_be_started_is_named_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    first = shell('first', f'echo $$ > {tmp_path}/pid; sleep 600')
    missing = Command('missing', ['/no/such/program'], {})
    with pytest.raises(VlaError, match='missing: /no/such/program: No such file'):
        run(first, missing)
    pid_file = tmp_path / 'pid'
    assert not pid_file.exists() or not is_alive(int(pid_file.read_text() or -1))


def test_exit_codes_are_put_in_words() -> None:
    assert describe_exit(3) == 'exit code 3'
    assert describe_exit(-9) == 'killed by SIGKILL'
    assert describe_exit(-40) == 'killed by signal 40'
