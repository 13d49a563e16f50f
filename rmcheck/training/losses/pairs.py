"""Losses of pairs; d is the difference of their rewards, chosen less rejected, less the margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, Lt

if TYPE_CHECKING:
    from torch import Tensor


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """The negative log-likelihood under Bradley-Terry: -log sigmoid(chosen - rejected - margin).

    Bradley & Terry (1952), Biometrika 39; with a margin as in Touvron et al. (2023), "Llama 2".
    """
    from torch.nn.functional import logsigmoid

    return -logsigmoid(chosen - rejected - margin)


def hinge(
    chosen: Tensor, rejected: Tensor, margin: Tensor, *, width: Annotated[float, Gt(0)] = 1.0
) -> Tensor:
    """max(0, width - d): no pull once that distance is reached.

    The margin ranking loss; Joachims (2002), "Optimizing search engines using clickthrough data".
    """
    loss: Tensor = (width + margin - (chosen - rejected)).clamp(min=0)
    return loss


def triplet(
    chosen: Tensor, rejected: Tensor, margin: Tensor, *, distance: Annotated[float, Gt(0)] = 1.0
) -> Tensor:
    """max(0, D(prompt, chosen) - D(prompt, rejected) + distance), where D is minus the reward.

    Schroff et al. (2015), "FaceNet", with the prompt as anchor. With one reward for a text the only
    distance of a response to its prompt is minus that reward: this is `hinge` under the name, and
    with the parameter, that tutorials of metric learning use.
    """
    loss: Tensor = ((-chosen) - (-rejected) + distance + margin).clamp(min=0)
    return loss


def contrastive(
    chosen: Tensor, rejected: Tensor, _margin: Tensor, *, distance: Annotated[float, Gt(0)] = 2.0
) -> Tensor:
    """The sum over both responses of (1 - y) r^2 + y max(0, distance - r)^2, y = 1 if chosen.

    Hadsell et al. (2006), "Dimensionality reduction by learning an invariant mapping", with the
    reward in place of a distance, as tutorials give it: rejected rewards are drawn to 0, chosen
    ones to at least `distance`.
    """
    loss: Tensor = rejected**2 + (distance - chosen).clamp(min=0) ** 2
    return loss


def rating_margin(
    chosen: Tensor,
    rejected: Tensor,
    _margin: Tensor,
    *,
    ratings: Tensor,
    scale: Annotated[float, Gt(0)] = 1.0,
) -> Tensor:
    """-log sigmoid(chosen - rejected - scale * (rating of chosen - rating of rejected)).

    Touvron et al. (2023), "Llama 2", section 3.2.2, where the margin is a function of how clearly
    people preferred the response; here it grows with the distance of the ratings.
    """
    return bradley_terry(chosen, rejected, scale * (ratings[:, 0] - ratings[:, 1]))


def confidence_weighted(
    chosen: Tensor, rejected: Tensor, margin: Tensor, *, confidence: Tensor
) -> Tensor:
    """confidence * -log sigmoid(d): a pair counts as much as its label can be trusted.

    Each term of the log-likelihood is weighted; Wang et al. (2024), "Secrets of RLHF in large
    language models, part II", weigh pairs by the strength of their preference.
    """
    return confidence * bradley_terry(chosen, rejected, margin)


def soft_labels(chosen: Tensor, rejected: Tensor, margin: Tensor, *, confidence: Tensor) -> Tensor:
    """-c log sigmoid(d) - (1 - c) log sigmoid(-d), c the pair's confidence.

    The cross-entropy between the share of people who prefer the response and the model's
    probability; it is least where sigmoid(d) = c.
    """
    return _mixed(chosen, rejected, margin, 1 - confidence)


def label_smoothing(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor,
    *,
    rate: Annotated[float, Ge(0), Lt(0.5)] = 0.1,
) -> Tensor:
    """-(1 - rate) log sigmoid(d) - rate log sigmoid(-d): conservative against flipped labels.

    The expected loss if each label is flipped with probability `rate`. Mitchell (2023), "A note on
    DPO with noisy preferences" (conservative DPO). Least at d = log((1 - rate) / rate).
    """
    return _mixed(chosen, rejected, margin, rate)


def robust(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor,
    *,
    rate: Annotated[float, Ge(0), Lt(0.5)] = 0.1,
) -> Tensor:
    """(-(1 - rate) log sigmoid(d) + rate log sigmoid(-d)) / (1 - 2 rate).

    Over labels that are flipped with probability `rate`, its mean is the Bradley-Terry loss of the
    true label. Natarajan et al. (2013), "Learning with noisy labels"; Ray Chowdhury et al. (2024),
    "Provably robust DPO". Without a lower bound: it falls by rate / (1 - 2 rate) for each unit of
    a large d, so a model that fits every pair gains by larger rewards.
    """
    from torch.nn.functional import logsigmoid

    gap = chosen - rejected - margin
    return (-(1 - rate) * logsigmoid(gap) + rate * logsigmoid(-gap)) / (1 - 2 * rate)


def square(
    chosen: Tensor, rejected: Tensor, margin: Tensor, *, target: Annotated[float, Gt(0)] = 1.0
) -> Tensor:
    """(d - target)^2: the difference is drawn to `target`, from both sides.

    Azar et al. (2023), "A general theoretical paradigm to understand learning from human
    preferences" (IPO), where the target is 1 / (2 tau). Bounded pull: no difference grows forever.
    """
    loss: Tensor = (chosen - rejected - margin - target) ** 2
    return loss


def regression(chosen: Tensor, rejected: Tensor, _margin: Tensor, *, ratings: Tensor) -> Tensor:
    """((chosen - its rating)^2 + (rejected - its rating)^2) / 2.

    Wang et al. (2023), "HelpSteer": the reward is the rating itself, on its scale.
    """
    loss: Tensor = ((chosen - ratings[:, 0]) ** 2 + (rejected - ratings[:, 1]) ** 2) / 2
    return loss


def _mixed(chosen: Tensor, rejected: Tensor, margin: Tensor, rate: Tensor | float) -> Tensor:
    """The loss of the label and that of the opposite label, weighted 1 - rate and rate."""
    from torch.nn.functional import logsigmoid

    gap = chosen - rejected - margin
    return -(1 - rate) * logsigmoid(gap) - rate * logsigmoid(-gap)
