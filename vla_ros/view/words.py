# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The mode of the arm in words that need no manual."""

import re
from typing import NamedTuple

from vla_ros.core.status import Mode


class Words(NamedTuple):
    """What the arm does, why, and what can be done about it; '' where there is nothing to say."""

    headline: str
    explanation: str
    advice: str = ''


# the first pattern that is found in the reason of the status
CAUSES = (
    (
        Mode.ESTOP,
        r'',
        Words(
            'Emergency stop',
            'The arm has braked and stays where it is.',
            'Make sure that it is safe, press Rearm, then Enable.',
        ),
    ),
    (
        Mode.RUNNING,
        r'',
        Words('Moving', 'The arm follows the actions that the policy has planned.'),
    ),
    (
        Mode.STARVED,
        r'',
        Words(
            'Out of actions',
            'All planned actions are played and the next ones are late, so the arm waits.',
            'The policy is too slow for these settings: look at the budget.',
        ),
    ),
    (
        Mode.WAITING,
        r'the arm is not let go',
        Words(
            'Waiting',
            'The policy takes longer than the actions it plans last, so the arm would stutter.',
            'Raise chunk_size_threshold, or start with auto_budget:=true.',
        ),
    ),
    (
        Mode.WAITING,
        r'newest observation is (?P<age>[\d.]+) s old',
        Words(
            'Waiting',
            'What the arm acts on was seen {age} s ago, which is too long.',
            'Check the cameras and the nodes of the policy.',
        ),
    ),
    (
        Mode.WAITING,
        r'',
        Words('Thinking', 'The arm stands while the policy plans its next actions.'),
    ),
    (
        Mode.HOLDING,
        r'not enabled',
        Words('Holding', 'Nobody has let the arm go yet.', 'Press Enable to let it move.'),
    ),
    (
        Mode.HOLDING,
        r'comes to rest',
        Words('Holding', 'The arm has been let go, and first comes to rest where it is.'),
    ),
    (
        Mode.HOLDING,
        r'a recording is replayed',
        Words(
            'Replay',
            'The policy is shown a recording, and what it plans is compared with what was done. '
            'No arm moves.',
        ),
    ),
    (
        Mode.HOLDING,
        r'(?P<nodes>.+) commands this arm, too',
        Words(
            'Holding',
            'Somebody else commands this arm, too: {nodes}.',
            'Stop that, then press Enable.',
        ),
    ),
    (
        Mode.HOLDING,
        r'the arm: (?P<why>.+): release it with ~/rearm',
        Words(
            'Holding',
            "The arm's driver has stopped: {why}.",
            'Make sure that it is safe, press Rearm, then Enable.',
        ),
    ),
    (
        Mode.HOLDING,
        r'the arm: nobody presses dead_man',
        Words('Holding', 'Nobody presses the switch that lets the arm move.', 'Press it.'),
    ),
    (
        Mode.HOLDING,
        r'the arm: bring the leader to where the arm is: (?P<joint>.+) is (?P<off>.+) off',
        Words(
            'Holding',
            'A person is about to lead the arm, but the leader is elsewhere: {joint} by {off}.',
            'Bring the leader to where the arm is; with a keyboard or gamepad, take over anew.',
        ),
    ),
    (
        Mode.HOLDING,
        r'the arm: after a stop joint_commands have to begin where the arm is: (?P<why>.+)',
        Words(
            'Holding',
            'What commands the arm wants to go on elsewhere than where it was stopped: {why}.',
            'Let it begin where the arm is.',
        ),
    ),
    (
        Mode.HOLDING,
        r'the arm: a person leads it',
        Words('Led', 'A person leads the arm; the policy waits.', 'Let go of the leader.'),
    ),
    (
        Mode.HOLDING,
        r'no episode follows',
        Words('Done', 'The last episode is over.'),
    ),
    (
        Mode.HOLDING,
        r'(?P<nodes>.+): not active',
        Words(
            'Holding',
            'A part of the system that the arm depends on is missing: {nodes}.',
            'It is started again by itself; the log says why it stopped.',
        ),
    ),
    (
        Mode.HOLDING,
        r'no joint state',
        Words(
            'Holding',
            'The arm does not tell where its joints are.',
            'Check its power, its cable and its driver.',
        ),
    ),
    (
        Mode.HOLDING,
        r'joint state of (?P<joint>.+) is (?P<age>[\d.]+) s old',
        Words(
            'Holding',
            'The arm last told {age} s ago where its joints are ({joint}).',
            'Check its cable and its driver, and whether the clocks agree.',
        ),
    ),
    (
        Mode.HOLDING,
        r'(?P<joint>.+); is the driver in other units or not calibrated',
        Words(
            'Holding',
            'A joint is told to be where it can not be: {joint}.',
            'Check the units of the driver and its calibration.',
        ),
    ),
    (
        Mode.HOLDING,
        r'no controller serves the action (?P<name>\S+)',
        Words(
            'Holding',
            'The controller that moves the arm is not there: {name}.',
            'Start it, or mend its name in the deployment.',
        ),
    ),
    (
        Mode.HOLDING,
        r'(?P<why>.+: the controller (?:refuses|ended) the trajectory.*)',
        Words(
            'Holding',
            'The arm did not follow what it was sent: {why}.',
            'Find out why, then press Enable.',
        ),
    ),
    (
        Mode.HOLDING,
        r'(?P<why>.+): not sent',
        Words(
            'Holding',
            'A command that the arm must not follow was stopped: {why}.',
            'Find out where it came from, then press Enable.',
        ),
    ),
    (
        Mode.HOLDING,
        r'not active: activate',
        Words('Holding', 'The action queue is switched off.', 'Activate its node.'),
    ),
)
SILENT = Words(
    'No signal',
    'The action queue says nothing, so what the arm does is not known.',
    'Do not rely on this page: look at the arm, and at the log of action_queue.',
)
NOT_RECORDED = Words(
    'Recorded', 'What the action queue said is not in this recording: it shows what was seen.'
)
RECORDING = Words(
    'Recording', 'Whoever demonstrates moves the arm; nothing here commands it.', 'See below.'
)


def describe(mode: int, reason: str) -> Words:
    """Return a mode and the reason of QueueStatus in words; a reason nobody foresaw as it is."""
    for cause, pattern, words in CAUSES:
        found = re.search(pattern, reason)
        if cause == mode and found:
            return words._replace(explanation=words.explanation.format(**found.groupdict()))
    headline = Mode(mode).name.capitalize() if mode in list(Mode) else f'Mode {mode}'
    return Words(headline, reason or 'No reason is given.')
