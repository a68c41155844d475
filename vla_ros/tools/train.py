# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Train a LeRobot policy on LeRobot datasets and keep the checkpoint that succeeds most often.

ACT, from nothing, or SmolVLA, from the folder of a checkpoint. The checkpoints are LeRobot's.
Success is measured in simulation, on the training clusters and on the one that is held out; the
best checkpoint is copied to OUTPUT/best, and OUTPUT/curves.png shows how it went.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.streams import INTERVENTION, PHASE
from vla_ros.tools.arguments import (
    add_task,
    chosen_task,
    command,
    existing,
    made,
    refuse_options,
    tell_end,
)

_EPISODES = 20  # of an evaluation, on each set
HUMAN = 'human'  # what a person led
_OF_ACT = ('dim_model', 'n_encoder_layers', 'use_vae', 'dropout')  # of a new one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from vla_ros.train.families.registry import DEFAULT, FAMILIES

    add, default = parser.add_argument, '(default %(default)s)'
    add(
        '--dataset',
        type=existing,
        action='extend',
        nargs='+',
        required=True,
        metavar='FOLDER',
        help='LeRobotDatasets v3, one or several',
    )
    add('--output', type=made, required=True, metavar='FOLDER', help='where the run is kept')
    add('--steps', type=int, help='end after so many steps')
    add('--minutes', type=float, help='end after so many minutes, evaluations included')
    add(
        '--resume',
        action='store_true',
        help='go on with the run in OUTPUT, which Ctrl-C saves; --steps and --minutes count from '
        'its first beginning',
    )
    add(
        '--start',
        '--checkpoint',
        type=existing,
        metavar='CHECKPOINT',
        help='start from this checkpoint: the folder that LeRobot calls pretrained_model',
    )
    add(
        '--policy-type',
        '--policy',
        choices=FAMILIES,
        help=f"default: that of --start's, else {DEFAULT}",
    )
    add('--vlm', metavar='FOLDER', help="SmolVLA's vision-language model, if not from the hub")
    add('--device', default='cpu', help=f'cpu or cuda {default}')
    add('--threads', type=int, help='threads of the CPU (default: as many as torch takes)')
    add('--batch-size', type=int, default=8, help=f'frames of a step {default}')
    add('--learning-rate', type=float, help="the highest (default: the policy type's)")
    add('--chunk-size', type=int, help='actions of a chunk (default: act 100, smolvla 50)')
    add('--dim-model', type=int, help="width of ACT's transformer (default 256)")
    add(
        '--encoder-layers',
        type=int,
        dest='n_encoder_layers',
        metavar='N',
        help="of ACT's transformer (default 4)",
    )
    add(
        '--freeze-vision',
        action='store_true',
        help='train all but the vision encoder, whose maps are computed once and kept in OUTPUT',
    )
    add(
        '--freeze-normalisation',
        action='store_true',
        help="normalise in ACT's ResNet with the values of --start's checkpoint, as a policy that "
        'is used does, instead of those of each batch',
    )
    add(
        '--flow-samples',
        type=int,
        default=1,
        metavar='N',
        help='of noise and time for each frame of a step, for SmolVLA: the pictures and the words '
        f'are read once for all of them {default}',
    )
    add(
        '--held-rows',
        type=int,
        default=0,
        metavar='N',
        help='every second chunk begins with 1 to N rows that are given, for SmolVLA: so it '
        'learns to go on from what is being played (continuation:=hold) over a delay of fewer '
        f'than N rows {default}',
    )
    add(
        '--place-weight',
        type=float,
        default=0.0,
        metavar='W',
        help="of a loss by which ACT's first token tells where each thing is and how it is turned "
        f'in each picture, for arrays; 1 is as much as the actions {default}',
    )
    add(
        '--place-alone',
        type=float,
        default=0.5,
        metavar='SHARE',
        help='with --place-weight: of the frames, whose actions are decoded from that token and '
        f'the joints alone {default}',
    )
    add(
        '--scenes',
        type=existing,
        nargs='+',
        default=[],
        metavar='FOLDER',
        help='with --place-weight: arrays of scenes, in which the places are told, too',
    )
    add(
        '--muon',
        action='store_true',
        help='learn the matrices of transformer layers by Muon, at twice the rate, not by AdamW',
    )
    add('--use-vae', action='store_true', help="train with ACT's variational objective")
    add('--dropout', type=float, help='of ACT (default 0)')
    add('--shift', type=int, default=0, help=f'move pictures by up to so many pixels {default}')
    add('--stride', type=int, default=1, help=f'learn from every so many frames {default}')
    add(
        '--emphasize',
        nargs='+',
        default=[],
        metavar='WHAT=TIMES',
        help='draw the frames of a labelled phase, those in which a person led (human), or those '
        'of a dataset more often, e.g. reach=5 human=3 corrections=2',
    )
    add(
        '--mask-end',
        action='store_true',
        help='learn nothing of a chunk beyond the end of its episode, as LeRobot does; else the '
        'arm learns to rest there',
    )
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
        metavar='N',
        help='episodes of an evaluation in simulation on each set; 0 evaluates nothing (default '
        f'{_EPISODES}, and 0 where the data are of another robot than the simulated one)',
    )
    add_task(parser)


def run(args: argparse.Namespace) -> int:
    """Train, and print where the best checkpoint is."""
    from vla_ros.train.batches import Augmentation
    from vla_ros.train.families.family import family_of
    from vla_ros.train.loop import train
    from vla_ros.train.success import measure_success
    from vla_ros.train.training_plan import TrainingPlan

    kind = _policy_type(args)
    _check_options(args, kind)
    family = family_of(kind)
    task = chosen_task(args)
    phases = task.type.phases
    emphasis = _emphasis(args.emphasize, phases, [root.name for root in args.dataset])
    plan = TrainingPlan(
        steps=args.steps,
        minutes=args.minutes,
        batch_size=args.batch_size,
        learning_rate=family.learning_rate if args.learning_rate is None else args.learning_rate,
        evaluate_every=args.evaluate_every,
        seed=args.seed,
        stride=args.stride,
        flow_samples=args.flow_samples,
        held_rows=args.held_rows,
        freeze_vision=args.freeze_vision,
        freeze_normalisation=args.freeze_normalisation,
        mask_end=args.mask_end,
        muon=args.muon,
        place_weight=args.place_weight,
        place_alone=args.place_alone,
        threads=args.threads,
        augmentation=Augmentation(shift=args.shift),
        emphasis=_by_label(emphasis, phases),
        dataset_emphasis=emphasis,
    )

    episodes = _episodes(args)

    def evaluate(checkpoint: Path) -> Mapping[str, float]:
        return measure_success(checkpoint, episodes, args.device, args.vlm, task)

    best = train(
        args.dataset,
        args.output,
        plan,
        family.size(vars(args)),
        args.device,
        evaluate if episodes else None,
        args.resume,
        args.start,
        _say,
        args.vlm,
        args.scenes,
    )
    _say(f'best checkpoint: {best}')
    tell_end(following=command('vla_ros export --checkpoint {} --output my_policy', best))
    return 0


def _episodes(args: argparse.Namespace) -> int:
    """
    Return how many episodes an evaluation plays, none where there is no such robot in simulation.

    Raise ConfigError where they are asked for all the same.
    """
    from vla_ros.dataset.arrays import ArrayDataset, holds_arrays
    from vla_ros.dataset.lerobot import read_features, read_statistics
    from vla_ros.train.success import find_obstacle

    if args.episodes == 0:
        return 0
    root = args.dataset[0]
    if holds_arrays(root):  # which are in rad
        obstacle = find_obstacle(ArrayDataset(root).features, chosen_task(args))
    else:
        obstacle = find_obstacle(read_features(root), chosen_task(args), read_statistics(root))
    if obstacle and args.episodes:
        raise ConfigError(
            f'--episodes: got {args.episodes}, expected 0: {args.dataset[0]} cannot be evaluated '
            f'in simulation, for {obstacle}'
        )
    if obstacle:
        _say(f'no evaluation in simulation (as with --episodes 0): {obstacle}')
    return 0 if obstacle else _EPISODES if args.episodes is None else args.episodes


def _emphasis(
    words: Sequence[str], phases: Sequence[str], datasets: Sequence[str]
) -> dict[str, int]:
    """Return the times for each phase or dataset; raise ConfigError for another word."""
    emphasis = {}
    for word in words:
        what, _, times = word.partition('=')
        if what not in (*phases, HUMAN, *datasets) or not times.isdecimal() or int(times) < 1:
            raise ConfigError(
                f'--emphasize: got {word!r}, expected WHAT=TIMES with a phase of '
                f'{", ".join(phases)}, with {HUMAN}, or with a dataset of {", ".join(datasets)}, '
                'and a whole number from 1 on'
            )
        emphasis[what] = int(times)
    return emphasis


def _by_label(emphasis: Mapping[str, int], phases: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return what is drawn more often by label and number."""
    by_label = {PHASE: {phases.index(what): n for what, n in emphasis.items() if what in phases}}
    by_label[INTERVENTION] = {1: emphasis[HUMAN]} if HUMAN in emphasis else {}
    return {label: times for label, times in by_label.items() if times}


def _check_options(args: argparse.Namespace, kind: str) -> None:
    """Raise ConfigError for an option that would change nothing."""
    if args.start:
        refuse_options(args, ('chunk_size', *_OF_ACT), 'with --start, whose policy it is')
    if kind != 'act':
        refuse_options(args, _OF_ACT, f'for a policy of type {kind}')
    if not args.place_weight:
        refuse_options(args, ('place_alone', 'scenes'), 'without --place-weight')


def _policy_type(args: argparse.Namespace) -> str:
    """Return the kind of policy; raise ConfigError where the words contradict each other."""
    from vla_ros.train.checkpoint import policy_type
    from vla_ros.train.families.registry import DEFAULT

    if not args.start:
        return args.policy_type or DEFAULT
    kind = policy_type(args.start)
    if args.policy_type not in (None, kind):
        raise ConfigError(
            f'--policy-type: got {args.policy_type}, expected {kind} as in {args.start}'
        )
    return kind


def _say(text: str) -> None:
    print(text, flush=True)
