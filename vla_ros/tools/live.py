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
from vla_ros.core.errors import VlaError
from vla_ros.core.files import check_folder
from vla_ros.dataset.bag import EpisodeInfo
from vla_ros.deployment.deployment import load_deployment
from vla_ros.evaluation.live import BAGS, Outcome, Session, Trial, plan_trials
from vla_ros.runtime.tether import tethered
from vla_ros.tools import prompt
from vla_ros.tools.arguments import command, tell_end
from vla_ros.tools.up import parse_assignments

if TYPE_CHECKING:  # ROS is loaded when a trial runs
    from vla_ros.ros.trial import TrialWatch

PATIENCE = 5.0  # s between two lines on why the arm stands
TRY = 5.0  # s for the queue to answer, before it is looked for anew
STOP_TIME = 30.0  # s until a deployment that was told to stop has to have ended
LOOK = 0.1  # s between two looks at a deployment
VERDICTS = {'s': True, 'f': False}


def run_live(args: Namespace) -> int:
    """Play what remains of the session, and print the table; return the exit code."""
    from vla_ros.dataset.plan import find_plan
    from vla_ros.evaluation.protocol import plan_set

    check_session(args)
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
    tell_end(following=command('vla_ros convert {} --output data/live', args.session / BAGS))
    return 0


def play(trial: Trial, args: Namespace, count: int) -> Outcome | None:
    """Have one trial played, and return what came of it; None: it is to be played again."""
    scene = trial.scene
    place = f'cluster {scene.cluster}, scene {scene.index + 1}'
    print(f'\ntrial {count}: policy {trial.letter}, {place}', flush=True)
    if not args.check:
        prompt.ask('Set the scene up, and press ENTER: the arm moves once it is ready. ')
    told = {'policy': trial.policy, 'seed': scene.seed, 'clusters': scene.cluster}
    taken = {argument.name for argument in load_deployment(args.live).arguments}
    words = [f'{name}:={value}' for name, value in told.items() if name in ('policy', *taken)]
    up = [sys.executable, '-m', 'vla_ros.tools.main', 'up', args.live, *words, *args.arguments]
    log = args.session / f'trial_{trial.number:03}.log'
    with record(trial, args) as watch, log.open('w', encoding='utf-8') as file:
        process = subprocess.Popen(
            up,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=tethered(),  # whatever ends this process: no arm moves on without it
        )
        try:
            let_move(process, args, log)
            await_motion(process, watch, args, log)
            outcome = check(process, watch, args, log) if args.check else ask(process, watch)
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
    names = [camera.name for camera in cameras]
    watch = TrialWatch(args.session / BAGS, info, names, namespace_of(args))
    try:
        yield watch
    finally:
        watch.discard()


def namespace_of(args: Namespace) -> str:
    """Return the namespace that the deployment is told to use."""
    return parse_assignments(args.arguments).get('namespace', '')


def let_move(process: subprocess.Popen[bytes], args: Namespace, log: Path) -> None:
    """Enable the arm as soon as its queue takes that; raise VlaError where it does not in time."""
    from vla_ros.ros import remote

    end = time.monotonic() + args.start_timeout
    while True:
        try:
            remote.ask('enable', namespace_of(args), TRY)
            return
        except VlaError as error:
            check_running(process, log)
            if time.monotonic() > end:
                raise VlaError(f'{error}; see {log}') from None
        time.sleep(LOOK)


def await_motion(
    process: subprocess.Popen[bytes], watch: 'TrialWatch', args: Namespace, log: Path
) -> None:
    """Wait until the arm follows the policy, and tell why it does not; give up in time."""
    began = told = time.monotonic()
    while not watch.ran and watch.verdict is None:
        check_running(process, log)
        now = time.monotonic()
        if now - began > args.start_timeout:
            return
        if now - told > PATIENCE and watch.reason:
            told = now
            print(f'the arm stands: {watch.reason}', flush=True)
        time.sleep(LOOK)
    if watch.ran:
        print('the arm moves', flush=True)


def ask(process: subprocess.Popen[bytes], watch: 'TrialWatch') -> Outcome | None:
    """Return what the person says who watches; None: it is to be played again."""
    began = time.monotonic()
    while True:
        word = prompt.ask('s: success, f: failure (and why), r: again > ').strip()
        duration = time.monotonic() - began
        if word[:1] == 'r':
            return None
        if word[:1] == 'f' and was_kept(watch):
            print(f'the policy never moved the arm: {watch.reason}; r plays the trial again')
        elif word[:1] in VERDICTS:
            return Outcome(VERDICTS[word[:1]], round(duration, 1), word[1:].strip())
        if process.poll() is not None:
            print(f'the deployment has ended with {process.returncode}')


def check(
    process: subprocess.Popen[bytes], watch: 'TrialWatch', args: Namespace, log: Path
) -> Outcome:
    """
    Return what the deployment itself says on the topic episode, as the simulation does.

    Raises VlaError where it ended before that, and where the policy was kept from moving the arm:
    that says nothing of the policy.
    """
    longest = 0.0 if was_kept(watch) else args.timeout + args.start_timeout
    end = time.monotonic() + longest
    while watch.verdict is None and time.monotonic() < end:
        time.sleep(LOOK)
        if watch.verdict is None:
            check_running(process, log)
    outcome = Outcome(*watch.verdict or (False, longest, 'no verdict came in time'))
    if not outcome.success and was_kept(watch):
        raise VlaError(
            f'the policy never moved the arm: {watch.reason}; see {log}. The trial does not '
            'count: the same command begins with it'
        )
    return outcome


def was_kept(watch: 'TrialWatch') -> bool:
    """Say whether there is a queue, and it never followed the policy."""
    return bool(watch.reason) and not watch.ran


def check_running(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise VlaError where the deployment has ended."""
    if process.poll() is not None:
        raise VlaError(f'the deployment ended with {process.returncode}; see {log}')


def stop(process: subprocess.Popen[bytes]) -> None:
    """Have the deployment brake the arm and end."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)  # whoever was started in the background has no INT
    try:
        process.wait(STOP_TIME)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise VlaError(f'the deployment did not end within {STOP_TIME:.0f} s') from None


def check_session(args: Namespace) -> None:
    """Raise ConfigError, before the first trial, for what would end it."""
    load_deployment(args.live).values(parse_assignments(args.arguments))
    check_folder(args.session)
