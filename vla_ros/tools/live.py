# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Play the trials of a live evaluation: a deployment for each, judged by a person or a check."""

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vla_ros.core.config import find_config
from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.evaluation.live import BAGS, Outcome, Session, Trial, plan_trials
from vla_ros.runtime.tether import tethered
from vla_ros.tools.arguments import tell_end
from vla_ros.tools.up import parse_assignments

if TYPE_CHECKING:  # ROS is loaded when a trial runs
    from vla_ros.ros.trial import TrialWatch

STOP_TIME = 30.0  # s until a deployment that was told to stop has to have ended
LOOK = 0.1  # s between two looks at a deployment
VERDICTS = {'s': True, 'f': False}


def run_live(args: Namespace) -> int:
    """Play what remains of the session, and print the table; return the exit code."""
    from vla_ros.dataset.plan import find_plan
    from vla_ros.evaluation.protocol import plan_set

    check_arguments(args)
    policies = [args.policy, *args.against]
    for policy in policies:
        find_config('policies', policy)
    plan = find_plan(args.plan or args.task)
    scenes = plan_set(plan, args.set, args.episodes, args.seed)
    session = Session(args.session, plan_trials(policies, scenes, args.seed), plan.held_out)
    remaining = list(session.remaining)
    for trial in remaining:
        outcome = None
        while outcome is None:  # None: play it again
            outcome = play(trial, args, len(session.outcomes) + 1)
        session.add(trial, outcome)
    print(session.summary())
    tell_end(following=f'vla_ros convert {args.session / BAGS} --output data/live')
    return 0


def play(trial: Trial, args: Namespace, count: int) -> Outcome | None:
    """Have one trial played, and return what came of it; None: it is to be played again."""
    scene = trial.scene
    place = f'cluster {scene.cluster}, scene {scene.index + 1}'
    print(f'\ntrial {count}: policy {trial.letter}, {place}', flush=True)
    if not args.check:
        input('Set the scene up, and press ENTER. ')
    words = [f'policy:={trial.policy}', f'seed:={scene.seed}', f'clusters:={scene.cluster}']
    command = [sys.executable, '-m', 'vla_ros.tools.main', 'up', args.live, *words]
    log = args.session / f'trial_{trial.number:03}.log'
    with record(trial, args) as watch, log.open('w', encoding='utf-8') as file:
        process = subprocess.Popen(
            [*command, *args.arguments],
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=tethered(),  # whatever ends this process: no arm moves on without it
        )
        try:
            outcome = check(process, watch, args, log) if args.check else ask(process)
        finally:
            stop(process)
        if outcome is None:
            return None
        bag = watch.keep('success' if outcome.success else outcome.note or 'failure')
        return replace(outcome, recording=bag.path.name)


@contextmanager
def record(trial: Trial, args: Namespace) -> Iterator['TrialWatch']:
    """Record a trial; unless it is kept, nothing is left of that."""
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.ros.trial import TrialWatch

    scene = trial.scene
    notes = f'trial {trial.number}, policy {trial.letter}'  # the letter: whoever looks judges, too
    info = EpisodeInfo(scene.cluster, scene.seed, notes=notes, goal=scene.goal)
    cameras = load_bundle(find_config('policies', trial.policy)).spec.cameras
    namespace = parse_assignments(args.arguments).get('namespace', '')
    watch = TrialWatch(args.session / BAGS, info, [camera.name for camera in cameras], namespace)
    try:
        yield watch
    finally:
        watch.discard()


def ask(process: subprocess.Popen[bytes]) -> Outcome | None:
    """Return what the person says who watches."""
    began = time.monotonic()
    while True:
        word = input('s: success, f: failure (and why), r: again > ').strip()
        duration = time.monotonic() - began
        if word[:1] == 'r':
            return None
        if word[:1] in VERDICTS:
            return Outcome(VERDICTS[word[:1]], round(duration, 1), word[1:].strip())
        if process.poll() is not None:
            print(f'the deployment has ended with {process.returncode}')


def check(
    process: subprocess.Popen[bytes], watch: 'TrialWatch', args: Namespace, log: Path
) -> Outcome:
    """Return what the deployment itself says on the topic episode, as the simulation does."""
    end = time.monotonic() + args.timeout + args.start_timeout
    while watch.verdict is None and time.monotonic() < end:
        time.sleep(LOOK)
        if process.poll() is not None and watch.verdict is None:
            raise VlaError(f'the deployment ended with {process.returncode}; see {log}')
    if watch.verdict is None:
        return Outcome(False, args.timeout + args.start_timeout, 'no verdict came in time')
    return Outcome(*watch.verdict)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Have the deployment brake the arm and end."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)  # whoever was started in the background has no INT
    try:
        process.wait(STOP_TIME)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise VlaError(f'the deployment did not end within {STOP_TIME:.0f} s') from None


def check_arguments(args: Namespace) -> None:
    """Raise ConfigError where the arguments of a live evaluation do not go together."""
    if args.expert or args.json or args.compare:
        raise ConfigError('live: got --expert, --json or --compare, expected none of them')
