# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach a policy's vision encoder where the bag lies, from pictures of random simulated scenes.

Stands in for pretrained weights: `vla_ros train --start OUTPUT` goes on from there. No scene has
the bag in cluster 6, which is held out.
"""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from vla_ros.core.errors import ConfigError

_TEST, _TEST_SEED = 256, 1  # glances that measure, and are not learned from


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add, default = parser.add_argument, '(default %(default)s)'
    add(
        '--dataset',
        type=Path,
        action='append',
        required=True,
        metavar='FOLDER',
        help='a LeRobotDataset v3 that the policy will learn from; may be given several times',
    )
    add('--output', type=Path, required=True, metavar='FOLDER', help='the checkpoint to write')
    add('--start', type=Path, metavar='CHECKPOINT', help='an ACT policy (default: a new one)')
    add('--glances', type=int, default=12800, help=f'scenes to look at {default}')
    add('--minutes', type=float, default=8.0, help=f'to learn for {default}')
    add('--steps', type=int, help='end after so many steps, if that is sooner')
    add('--learning-rate', type=float, default=1e-3, help=f'the highest {default}')
    add('--batch-size', type=int, default=16, help=f'glances of a step {default}')
    add('--device', default='cpu', help=f'cpu or cuda {default}')
    add('--seed', type=int, default=0, help=default)
    add('--threads', type=int, help='threads of the CPU (default: as many as torch takes)')
    add('--workers', type=int, default=os.cpu_count() or 1, help='processes that draw')


def run(args: Namespace) -> int:
    """Draw, teach and write."""
    from vla_ros.dataset.lerobot import open_dataset
    from vla_ros.sim.labelled_pictures import draw_glances
    from vla_ros.train.checkpoint import dataset_facts, new_checkpoint, start_checkpoint
    from vla_ros.train.families.act import ActSize
    from vla_ros.train.pretrain import pretrain
    from vla_ros.train.training_plan import TrainingPlan

    if args.output.exists():
        raise ConfigError(f'{args.output}: exists already; name another folder, or remove it')
    metas = [open_dataset(root).meta for root in args.dataset]
    checkpoint = (
        start_checkpoint(args.start, metas, args.device)
        if args.start
        else new_checkpoint(metas, ActSize(), args.device, args.seed)
    )
    height, width = next(iter(checkpoint.policy.config.image_features.values())).shape[1:]
    print(f'drawing {args.glances} scenes of {width} x {height}', flush=True)
    glances = draw_glances(args.glances, width, height, 2 + args.seed, args.workers)
    test = draw_glances(_TEST, width, height, _TEST_SEED)
    plan = TrainingPlan(
        steps=args.steps,
        minutes=args.minutes,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        warmup=50,
        seed=args.seed,
        threads=args.threads,
    )
    errors = pretrain(checkpoint, glances, test, plan, lambda text: print(text, flush=True))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save(args.output, dataset_facts(metas))
    print(f'{args.output}: sees the bag to {errors}; next: vla_ros train --start {args.output}')
    return 0
