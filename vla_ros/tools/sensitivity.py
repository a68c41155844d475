# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Report what each block's precision costs, one block at a time and then the recipes whole.

Latency (variants alternate), size, action error along the chunk, and success in simulation on the
same episodes as at fp32, with the 95 % interval of the difference. Recommends the fastest recipe
whose success drops no further than allowed. Interrupted, it goes on from its --work folder.
"""

import os
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from vla_ros.core.config import config_names, find_config
from vla_ros.core.defaults import DEPLOYMENT, POLICY
from vla_ros.core.errors import ConfigError
from vla_ros.core.files import write_json, write_text
from vla_ros.dataset.plan import SETS
from vla_ros.tools.arguments import (
    add_json,
    add_task,
    add_units,
    chosen_arm,
    chosen_robot,
    chosen_task,
    command,
    existing,
    made,
    repeated,
    tell_end,
)

if TYPE_CHECKING:
    from vla_ros.dataset.samples import Sample
    from vla_ros.policy.bundle import Bundle
    from vla_ros.policy.spec import PolicySpec

_EPISODES = 200
_STUDY = ('cpu_int8', 'cpu_int8_all')  # ends of the recipes' names


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add, recipes = parser.add_argument, ', '.join(config_names('recipes'))
    add('--policy', default=POLICY, help='bundle at fp32: name or folder')
    add(
        '--recipe',
        action='extend',
        nargs='+',
        help=f'to try, one or several: a file, or one of {recipes} (default: those for a CPU that '
        "the policy's type has)",
    )
    add(
        '--dataset',
        type=existing,
        required=True,
        metavar='FOLDER',
        help='a LeRobotDataset v3 with the pictures that the policy sees',
    )
    add('--frames', type=int, default=64, help='of it, that actions are compared on')
    add('--rounds', type=int, default=50, help='latencies measured of each variant, in turn')
    add('--threads', type=int, default=1, help='of inference, while latency is measured')
    add(
        '--episodes',
        type=int,
        help='to play with each variant; 0 plays none (default 200, and 0 where the policy is of '
        'another robot than the simulated one)',
    )
    add('--set', '--clusters', choices=SETS, default='test', help='which episodes')
    add('--seed', type=int, default=0, help='another one gives other episodes')
    add(
        '--latency',
        type=float,
        default=0.05,
        help='s that every variant takes in simulation, so that its numbers alone count',
    )
    add(
        '--max-drop',
        type=float,
        default=0.02,
        help='of success that the recommended recipe may cost (0.02: 2 points of 100)',
    )
    add(
        '--max-error',
        type=float,
        default=0.02,
        help='of actions, in standard deviations, that it may have where no episodes are played',
    )
    add(
        '--denoising',
        action='store_true',
        help='of a flow policy, instead: the error of each variant by denoising step, and what '
        'becomes of it',
    )
    add_task(parser)
    add_units(parser)
    add('--workers', type=int, default=len(os.sched_getaffinity(0)), help='processes that play')
    add_json(parser, 'the figures')
    add('--work', type=made, default='outputs/sensitivity', help='folder of results')


def run(args: Namespace) -> int:
    """Build, measure, play, print and write."""
    from vla_ros.dataset.samples import read_samples
    from vla_ros.evaluation import sensitivity, sensitivity_report
    from vla_ros.policy.bundle import load_bundle
    from vla_ros.quantization.recipe import load_recipe, shipped_recipes

    _check(args)
    bundle = load_bundle(find_config('policies', args.policy))
    episodes = _episodes(args, bundle.spec)
    recipes = [load_recipe(find_config('recipes', name)) for name in args.recipe or ()]
    recipes = recipes or [r for r in shipped_recipes(bundle.spec.type) if r.name.endswith(_STUDY)]
    known = {'units': args.units, 'robot': chosen_robot(args)}
    frames = max(recipe.calibration.frames for recipe in recipes)
    calibration = read_samples(args.dataset, bundle.spec, frames, **known)
    seen = read_samples(args.dataset, bundle.spec, args.frames, offset=0.0, **known)
    variants = sensitivity.make_variants(recipes)
    bundles = sensitivity.build(bundle, variants, calibration, args.work, _note)
    if args.denoising:
        return _denoising(args, bundles, seen)
    findings = sensitivity.measure(bundles, variants, seen, args.rounds, args.threads)
    if episodes:
        print(sensitivity_report.text_table(findings), flush=True)
        findings = _play(args, episodes, findings, bundles)
    chosen = sensitivity_report.recommend(findings, args.max_drop, args.max_error)
    print(sensitivity_report.text_table(findings, chosen))
    print(sensitivity_report.explain(chosen, args.max_drop))
    content = {
        'policy': bundle.spec.name,
        'dataset': args.dataset.name,
        'frames': args.frames,
        'set': args.set,
        'episodes': episodes,
        'recommended': chosen.variant.name,
        'variants': [sensitivity_report.as_dict(finding) for finding in findings],
    }
    page = sensitivity_report.write_html(bundle.spec.name, findings, chosen, args.max_drop)
    for file in filter(None, (args.work / 'report.json', args.json)):
        write_json(file, content)
    write_text(args.work / 'report.html', page)
    following = command(
        'vla_ros quantize --policy {} --recipe {} --dataset {} --output my_policy',
        args.policy,
        chosen.variant.name,
        args.dataset,
    )
    following += repeated(args, 'units', 'robot')
    if chosen.variant.name == sensitivity.REFERENCE:
        following = command('vla_ros up {} policy:={}', DEPLOYMENT, args.policy)
    tell_end((args.work / 'report.json', args.work / 'report.html'), following)
    return 0


def _denoising(args: Namespace, bundles: 'dict[str, Bundle]', seen: 'list[Sample]') -> int:
    """Measure where the variants lose exactness while they denoise; print and write."""
    from vla_ros.evaluation import denoising, denoising_report
    from vla_ros.evaluation.sensitivity import REFERENCE
    from vla_ros.policy.family import ExpertSettings
    from vla_ros.policy.pipeline import Policy
    from vla_ros.runtime.placement import NodePlacement, Placement

    placement = Placement(default=NodePlacement(threads=args.threads))
    settings = ExpertSettings(noise_scale=1.0)  # else there would be nothing to spread
    policies = {
        name: Policy(bundle, placement, settings=settings) for name, bundle in bundles.items()
    }
    reference = policies.pop(REFERENCE)
    report = denoising.measure(reference, policies, seen)
    print(denoising_report.tables(report), denoising_report.verdict(report), sep='\n\n')
    write_json(args.work / 'denoising.json', report.as_dict())
    write_text(args.work / 'denoising.html', denoising_report.write_html(report))
    tell_end((args.work / 'denoising.json', args.work / 'denoising.html'))
    return 0


def _episodes(args: Namespace, spec: 'PolicySpec') -> int:
    """
    Return how many episodes each variant plays, none where there is no such robot in simulation.

    Raise ConfigError where they are asked for all the same.
    """
    if args.episodes == 0 or args.denoising:
        return 0
    obstacle = chosen_task(args).type.find_obstacle(
        [c.name for c in spec.cameras], spec.joint_names
    )
    if obstacle and args.episodes:
        raise ConfigError(
            f'--episodes: got {args.episodes}, expected 0: {spec.name} cannot be played in '
            f'simulation, for {obstacle}'
        )
    if obstacle:
        _note(f'no episodes in simulation (as with --episodes 0): {obstacle}')
        return 0
    return _EPISODES if args.episodes is None else int(args.episodes)


def _play(args: Namespace, episodes: int, findings: list, bundles: dict) -> list:
    from vla_ros.core.executor import ExecutorConfig
    from vla_ros.evaluation.protocol import plan_set
    from vla_ros.evaluation.sensitivity import play
    from vla_ros.sim.rollout import RolloutConfig

    task = chosen_task(args)
    config = RolloutConfig(ExecutorConfig(mode='async'), latency=args.latency, task=task)
    plan = plan_set(config.task.load_plan(), args.set, episodes, args.seed)
    return play(findings, bundles, plan, chosen_arm(args), config, args.work, args.workers, _note)


def _check(args: Namespace) -> None:
    least = dict.fromkeys(('frames', 'rounds', 'threads', 'workers'), 1)
    for name in ('episodes', 'latency', 'max_drop', 'max_error'):
        least[name] = 0
    for name, number in least.items():
        if getattr(args, name) is not None and not getattr(args, name) >= number:
            option = name.replace('_', '-')
            raise ConfigError(f'--{option}: got {getattr(args, name)}, expected {number} or more')


def _note(text: str) -> None:
    print(text, flush=True)
