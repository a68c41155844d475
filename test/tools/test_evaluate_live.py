# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""vla_ros evaluate --live, with a deployment that knows how its episode ends."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from ros_domain import isolated

from vla_ros.core.config import find_config
from vla_ros.dataset.bag import list_episodes
from vla_ros.runtime.tether import is_running
from vla_ros.tools.main import main

DEPLOYMENT = """
description: An arm that succeeds with one policy only.
arguments:
  policy: {{default: '', description: policy}}
  fails: {{default: nobody, description: the policy that fails}}
  mode: {{default: 1, description: what its queue says of itself}}
nodes:
  - name: judge
    executable: {script}
    ends_run: true
    arguments: ['${{policy}}', '${{fails}}', '${{mode}}']
"""
JUDGE = """#!{python}
import sys, time
import rclpy
from std_srvs.srv import SetBool
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import qos

policy, fails, mode = sys.argv[1:4]
rclpy.init()
node = rclpy.create_node('judge')
publisher = node.create_publisher(EpisodeEvent, 'episode', qos.EVENTS)
statuses = node.create_publisher(QueueStatus, 'queue_status', qos.LATEST)
event = EpisodeEvent.FAILURE if policy.endswith(fails) else EpisodeEvent.SUCCESS
asked = []

def on_enable(request, response):
    asked.append(time.monotonic())
    response.success = request.data and len(asked) > 1
    response.message = 'not active: activate the node first'
    return response

node.create_service(SetBool, 'action_queue/enable', on_enable)
heard = None  # s, since when somebody listens
for _ in range(600):
    rclpy.spin_once(node, timeout_sec=0.1)
    if len(asked) > 1 and statuses.get_subscription_count():
        heard = heard or time.monotonic()
    statuses.publish(QueueStatus(mode=int(mode), reason='' if mode == '1' else 'bad cable'))
    if heard and time.monotonic() - heard > 0.5:
        publisher.publish(EpisodeEvent(event=event, duration=3.0, detail='dropped'))
"""


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    """Return the deployment's file, and the folder of a second policy."""
    for name, value in isolated().items():
        monkeypatch.setenv(name, value)
    script = tmp_path / 'judge.py'
    script.write_text(JUDGE.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(sys.path))
    path = tmp_path / 'arm.yaml'
    path.write_text(DEPLOYMENT.format(script=script))
    shutil.copytree(find_config('policies', 'tea_bag_act'), tmp_path / 'other')
    return path


def test_two_policies_are_played_judged_by_the_topic_and_compared(deployment, tmp_path, capsys):
    session = tmp_path / 'session'
    words = ['--against', str(tmp_path / 'other'), '--session', str(session), '--set', 'test']
    code = main(
        [
            'evaluate',
            '--live',
            str(deployment),
            *words,
            '--episodes',
            '2',
            '--check',
            'fails:=other',
        ]
    )
    told = capsys.readouterr().out
    assert code == 0
    assert 'other against tea_bag_act, same 2 scenes: -100.0' in told
    assert 'tea_bag_act' not in told.partition('success [95')[0]  # whoever judges is not told
    lines = [json.loads(line) for line in (session / 'trials.jsonl').read_text().splitlines()]
    assert sorted(line['success'] for line in lines) == [False, False, True, True]
    assert {line['note'] for line in lines if not line['success']} == {'dropped'}
    bags = {bag.path.name: bag for bag in list_episodes(session / 'bags')}
    assert {line['recording'] for line in lines} == set(bags) and len(bags) == 4
    for line in lines:
        info = bags[line['recording']].info
        assert info.outcome == ('success' if line['success'] else 'dropped')
        assert info.notes.startswith(f'trial {line["trial"]}, policy ')
        assert '/episode' in bags[line['recording']].topics()


def test_person_judges_and_may_have_a_trial_played_again(
    deployment, tmp_path, monkeypatch, capsys
):
    answers = iter(['', 'r', '', 's', '', 'f it slipped'])
    monkeypatch.setattr('builtins.input', lambda prompt: next(answers))
    session = tmp_path / 'session'
    words = ['--session', str(session), '--set', 'test', '--episodes', '2']
    assert main(['evaluate', '--live', str(deployment), *words]) == 0
    lines = [json.loads(line) for line in (session / 'trials.jsonl').read_text().splitlines()]
    assert [line['success'] for line in lines] == [True, False]
    assert lines[1]['note'] == 'it slipped'
    outcomes = [bag.info.outcome for bag in list_episodes(session / 'bags')]
    assert outcomes == ['success', 'it slipped']  # nothing is left of what was played again
    assert '0.50 [' in capsys.readouterr().out


def test_trial_in_which_the_policy_was_kept_from_moving_the_arm_is_no_failure_of_it(
    deployment, tmp_path, capsys
):
    session = tmp_path / 'session'
    words = ['--session', str(session), '--set', 'test', '--episodes', '1', '--check']
    command = ['evaluate', '--live', str(deployment), *words, 'fails:=tea_bag_act']
    assert main([*command, 'mode:=0']) == 2
    told = capsys.readouterr().err
    assert 'the policy never moved the arm: bad cable' in told and 'trial_001.log' in told
    assert not (session / 'trials.jsonl').exists() and not list_episodes(session / 'bags')
    assert main([*command, 'mode:=1']) == 0  # goes on with that trial
    assert '0.00 [' in capsys.readouterr().out


def test_person_can_not_count_a_trial_in_which_the_arm_was_kept(
    deployment, tmp_path, monkeypatch, capsys
):
    answers = iter(['', 'f', 'f', 's'])

    def answer(prompt):
        time.sleep(1.0)
        return next(answers)

    monkeypatch.setattr('builtins.input', answer)
    words = ['--session', str(tmp_path / 'session'), '--set', 'test', '--episodes', '1']
    assert main(['evaluate', '--live', str(deployment), *words, 'mode:=0']) == 0
    assert capsys.readouterr().out.count('the policy never moved the arm: bad cable') == 2


def test_arm_that_stands_is_explained_and_given_up_in_time(
    deployment, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr('vla_ros.tools.live.PATIENCE', 0.5)
    words = ['--session', str(tmp_path / 'session'), '--set', 'test', '--episodes', '1', '--check']
    command = ['evaluate', '--live', str(deployment), *words, '--start-timeout', '10']
    (tmp_path / 'judge.py').write_text((tmp_path / 'judge.py').read_text().replace('0.5', '1e9'))
    assert main([*command, 'mode:=0']) == 2
    told = capsys.readouterr()
    assert told.out.count('the arm stands: bad cable') >= 2 and 'the arm moves' not in told.out
    assert 'the policy never moved the arm: bad cable' in told.err


def test_arm_that_nobody_can_enable_is_an_error(deployment, tmp_path, capsys):
    (tmp_path / 'judge.py').write_text(f'#!{sys.executable}\nimport time\ntime.sleep(300)\n')
    words = ['--session', str(tmp_path / 'session'), '--set', 'test', '--episodes', '1', '--check']
    command = ['evaluate', '--live', str(deployment), *words, '--start-timeout', '3']
    assert main(command) == 2
    assert 'nobody who offers /action_queue/enable' in capsys.readouterr().err


def test_deployment_that_ends_before_its_verdict_is_an_error_and_the_trial_is_kept(
    deployment, tmp_path, capsys
):
    (tmp_path / 'judge.py').write_text(f'#!{sys.executable}\nraise SystemExit(3)\n')
    words = ['--session', str(tmp_path / 'session'), '--set', 'test', '--episodes', '1', '--check']
    assert main(['evaluate', '--live', str(deployment), *words]) == 2
    assert 'the deployment ended with' in capsys.readouterr().err
    assert not (tmp_path / 'session' / 'trials.jsonl').exists()
    assert not list_episodes(tmp_path / 'session' / 'bags')


def test_arguments_of_a_deployment_without_one_are_refused(capsys):
    assert main(['evaluate', 'port:=/dev/arm']) == 2
    assert 'expected that only with --live' in capsys.readouterr().err


def test_arm_does_not_go_on_without_whoever_evaluates_it(deployment, tmp_path):
    told = tmp_path / 'pid'
    (tmp_path / 'judge.py').write_text(
        f'#!{sys.executable}\nimport os, pathlib, time\n'
        f'pathlib.Path({str(told)!r}).write_text(str(os.getpid()))\ntime.sleep(300)\n'
    )
    words = ['--session', str(tmp_path / 'session'), '--set', 'test', '--episodes', '1', '--check']
    command = [sys.executable, '-m', 'vla_ros.tools.main', 'evaluate', '--live', str(deployment)]
    evaluation = subprocess.Popen([*command, *words])
    try:
        wait_for(lambda: told.exists() and told.read_text())
    finally:
        evaluation.kill()
        evaluation.wait()
    wait_for(lambda: not is_running(int(told.read_text())))


def wait_for(condition, timeout=60.0):
    """Wait until ``condition()`` holds; fail after ``timeout`` s."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, 'timed out'
        time.sleep(0.1)
