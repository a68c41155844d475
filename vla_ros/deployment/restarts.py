# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which process is to be started again, and which one only seems to run."""

from collections import defaultdict, deque
from collections.abc import Iterable
from pathlib import Path

RESPAWN_DELAY = 0.2  # s between the end of a process and its next start
LIMIT, WINDOW = 3, 60.0  # restarts of one process within so many s; the next one is too many
REFUSED = 2  # exit code of a node whose parameters make no sense: another start mends nothing
# exit code of a node that came to its end, and of whose episodes not every one succeeded
EPISODES_FAILED = 4
LOOK_PERIOD = 0.1  # s between two looks at whether a process is frozen
FROZEN = 0.2  # s; who was stopped for a moment only, by a debugger, say, is left alone


class RestartBudget:
    """Counts the restarts of each process: one that can't live is not started for ever."""

    def __init__(self) -> None:
        """Begin with no restart."""
        self._restarts: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=LIMIT))

    def allows(self, name: str, now: float, exit_code: int | None = None) -> bool:
        """Say whether the process ``name`` may be started again at ``now`` (s); count it if so."""
        if exit_code == REFUSED:
            return False
        restarts = self._restarts[name]
        if len(restarts) == LIMIT and now - restarts[0] < WINDOW:
            return False
        restarts.append(now)
        return True


class FrozenWatch:
    """Finds processes that have been stopped (SIGSTOP) for longer than a moment."""

    def __init__(self) -> None:
        """Begin with none."""
        self._since: dict[int, float] = {}  # s, by process id

    def look(self, pids: Iterable[int], now: float) -> list[int]:
        """Return those of ``pids`` that are frozen at ``now`` (s)."""
        stopped = [pid for pid in pids if is_stopped(pid)]
        self._since = {pid: self._since.get(pid, now) for pid in stopped}
        return [pid for pid, since in self._since.items() if now - since >= FROZEN]


def is_stopped(pid: int) -> bool:
    """Say whether the process is stopped by a signal; one that is gone is not."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(')')[2].split()[0] == 'T'
