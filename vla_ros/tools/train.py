# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Train an ACT policy on LeRobot datasets and keep the checkpoint that succeeds most often.

The checkpoints are LeRobot's. Success is measured in simulation, on the training clusters and on
the one that is held out; the best checkpoint is copied to OUTPUT/best.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

_SEED = 1  # of the episodes that choose a checkpoint; `vla_ros evaluate` plays others


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add, default = parser.add_argument, '(default %(default)s)'
    add(
        '--dataset',
        type=Path,
        action='append',
        required=True,
        metavar='FOLDER',
        help='a LeRobotDataset v3; may be given several times',
    )
    add('--output', type=Path, required=True, metavar='FOLDER', help='where the run is kept')
    add('--steps', type=int, help='end after so many steps')
    add('--minutes', type=float, help='end after so many minutes')
    add('--resume', action='store_true', help='go on with the run in OUTPUT')
    add(
        '--start',
        type=Path,
        metavar='CHECKPOINT',
        help='start from the weights and the normalisation of this checkpoint',
    )
    add('--device', default='cpu', help=f'cpu or cuda {default}')
    add('--threads', type=int, help='threads of the CPU (default: as many as torch takes)')
    add('--batch-size', type=int, default=8, help=f'frames of a step {default}')
    add('--learning-rate', type=float, default=3e-4, help=f'the highest {default}')
    add('--chunk-size', type=int, default=100, help=f'actions of a chunk {default}')
    add('--dim-model', type=int, default=256, help=f'width of the transformer {default}')
    add('--encoder-layers', type=int, default=4, help=f'of the transformer {default}')
    add('--use-vae', action='store_true', help="train with ACT's variational objective")
    add('--dropout', type=float, default=0.0, help=default)
    add('--shift', type=int, default=0, help=f'move pictures by up to so many pixels {default}')
    add('--stride', type=int, default=1, help=f'learn from every so many frames {default}')
    add('--seed', type=int, default=0, help=default)
    add(
        '--evaluate-every',
        type=int,
        default=1000,
        metavar='STEPS',
        help=f'steps between checkpoints {default}',
    )
    add(
        '--episodes',
        type=int,
        default=20,
        metavar='N',
        help=f'episodes of an evaluation on each set; 0 evaluates nothing {default}',
    )


def run(args: argparse.Namespace) -> int:
    """Train, and print where the best checkpoint is."""
    from vla_ros.train.act import ActSize
    from vla_ros.train.batches import Augmentation
    from vla_ros.train.loop import train
    from vla_ros.train.plan import TrainingPlan

    size = ActSize(
        chunk_size=args.chunk_size,
        dim_model=args.dim_model,
        dim_feedforward=4 * args.dim_model,
        n_encoder_layers=args.encoder_layers,
        use_vae=args.use_vae,
        dropout=args.dropout,
    )
    plan = TrainingPlan(
        steps=args.steps,
        minutes=args.minutes,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        evaluate_every=args.evaluate_every,
        seed=args.seed,
        stride=args.stride,
        threads=args.threads,
        augmentation=Augmentation(shift=args.shift),
    )

    def evaluate(checkpoint: Path) -> Mapping[str, float]:
        return _success_rates(checkpoint, args.episodes)

    best = train(
        args.dataset,
        args.output,
        plan,
        size,
        args.device,
        evaluate if args.episodes else None,
        args.resume,
        args.start,
        _say,
    )
    _say(f'best checkpoint: {best}\nnext: vla_ros export --checkpoint {best} --output FOLDER')
    return 0


def _success_rates(checkpoint: Path, episodes: int) -> Mapping[str, float]:
    """Return the share of ``episodes`` that succeed on each set, in simulation."""
    from vla_ros.core.config import find_config
    from vla_ros.core.robot import load_robot
    from vla_ros.sim.evaluation import evaluate, plan_set, score
    from vla_ros.sim.rollout import RolloutConfig
    from vla_ros.train.checkpoint import load_checkpoint, load_facts
    from vla_ros.train.export import export

    robot = load_robot(find_config('robots', 'so101'))
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / 'bundle'
        export(load_checkpoint(checkpoint), load_facts(checkpoint), bundle)
        results = {
            name: evaluate(bundle, robot, RolloutConfig(), plan_set(name, episodes, _SEED))
            for name in ('test', 'validation')
        }
    return {name: score(played).success.value for name, played in results.items()}


def _say(text: str) -> None:
    print(text, flush=True)
