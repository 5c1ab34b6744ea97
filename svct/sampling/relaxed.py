"""What learned samplers share: the error of drawn views as a differentiable function of how much each view is taken."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from svct.recon.weights import arc_weights
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.sampling.trial import Panel, Trial


def drawn_loss(
    trial: Panel,
    drawn: Int[Tensor, " drawn"],
    rest: Int[Tensor, " rest"],
    soft: Float[Tensor, " view"],
    *,
    patients: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Return the loss of some views through the frozen backbone, with a gradient to every view that is shown.

    Args:
        trial: Patients with their data of every candidate, of one task or several.
        drawn: Views that are taken.
        rest: Others that get a gradient too.
        soft: How much of each candidate is taken in the relaxation; only its gradient counts (straight through).
        patients: Which patients of each task.

    Returns:
        Mean over patients and tasks of ln RMSE, or of the loss of a trial's reading.
    """
    shown = torch.cat([drawn, rest]).sort().values
    losses = []
    for part in trial.parts:
        weights = coming_weights(part, drawn.sort().values, shown, (soft - soft.detach())[shown])
        images = part.net(part.y[patients][:, shown], part.A[shown.tolist()], view_weights=weights)
        if part.reading is not None:
            losses.append(part.reading.loss(images, part.truth[patients], patients))
            continue
        error = (images - part.truth[patients]).square().mean(dim=(-2, -1))
        losses.append(0.5 * error.log().mean())
    return torch.stack(losses).mean()


def peaks(views: ViewSet, candidates: int, *, height: float = 3.0, width: float = 1.5) -> Float[Tensor, " view"]:
    """Return one logit per candidate that peaks at some views; the largest are those views.

    Args:
        views: The views.
        candidates: Number of candidates, around a circle.
        height: Logit at a view.
        width: Standard deviation of a peak, in candidates.
    """
    apart = around_circle(torch.tensor(views), candidates).amin(dim=0)
    return height * torch.exp(-0.5 * (apart / width) ** 2)


def coming_weights(
    trial: Trial, drawn: Int[Tensor, " drawn"], shown: Int[Tensor, " shown"], change: Float[Tensor, " shown"]
) -> Float[Tensor, " shown"]:
    """Arc lengths of the drawn views, as they change to first order while views come and go.

    A view that comes takes half of what lies between it and its drawn neighbours from each of them; one that goes
    gives it back.

    Args:
        trial: The trial.
        drawn: Views that are taken, ascending.
        shown: Those and others, ascending.
        change: How much of each shown view comes (positive) or goes; of value 0, with a gradient.

    Returns:
        Radians for each shown view; 0 for those not drawn.
    """
    count = len(trial.A.scan)
    step = float(arc_weights(trial.A.scan).sum()) / count
    position = torch.searchsorted(drawn, shown)
    is_drawn = torch.isin(shown, drawn)
    left = (position - 1) % len(drawn)
    right = (position + is_drawn.long()) % len(drawn)
    to_left = ((shown - drawn[left] - 1) % count + 1).float() * step
    to_right = ((drawn[right] - shown - 1) % count + 1).float() * step
    own = (to_left + to_right) / 2
    place = torch.searchsorted(shown, drawn)
    weights = torch.where(is_drawn, own, 0.0) + change * own
    weights = weights.index_add(0, place[left], -change * to_right / 2)
    return weights.index_add(0, place[right], -change * to_left / 2)


def around_circle(views: Int[Tensor, " chosen"], candidates: int) -> Int[Tensor, "chosen view"]:
    """Return how many candidates lie between each of some views and each candidate, the shorter way round."""
    apart = (torch.arange(candidates) - views[:, None]).abs()
    return torch.minimum(apart, candidates - apart)


def down_the_slope(
    loss: Float[Tensor, ""], weights: Tensor, *, learning_rate: float, steepest: float = 0.0
) -> tuple[Tensor, float]:
    """Take a step down the loss's slope, of the learning rate where the slope is as steep as ever.

    Args:
        loss: What `weights` lower.
        weights: Such as logits.
        learning_rate: How far the entry with the steepest slope moves.
        steepest: Steepest slope of the steps before; a step of a flatter slope is shorter by as much. Default: every
            step is as long as the first.

    Returns:
        The weights after the step, and the steepest slope so far. A slope that is not finite moves nothing.

    Notes:
        Steps follow the slope itself: Adam would move entries with a noisy slope as far as those with a steady one.
    """
    (slope,) = torch.autograd.grad(loss, weights)
    if bool(slope.isfinite().all()):
        steepest = max(steepest, float(slope.abs().max()), 1e-12)
        weights = weights.detach() - learning_rate * slope / steepest
    return weights.detach().requires_grad_(True), steepest


def gumbel_noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return -ln(-ln u) with u uniform on 0 to 1."""
    return -torch.log(-torch.log(torch.rand(shape, generator=generator).clamp(1e-9, 1 - 1e-9)))


def some_others(
    drawn: Int[Tensor, " drawn"], candidates: int, most: int, generator: torch.Generator
) -> Int[Tensor, " rest"]:
    """Return candidates that are not drawn, at most so many, by chance."""
    rest = torch.randperm(candidates, generator=generator)
    return rest[~torch.isin(rest, drawn)][:most]


def around(view: int, values: Float[Tensor, " view"], budget: int) -> Int[Tensor, " neighbour"]:
    """Return the candidates within a quarter of the mean spacing of a view, over those whose value is finite."""
    reach = int(values.isfinite().sum()) // (4 * budget)
    return torch.arange(view - reach, view + reach + 1) % len(values)


def draw_apart(
    values: Float[Tensor, " view"], budget: int, rules: Constraints | None = None
) -> Int[Tensor, " {budget}"]:
    """Take the largest one by one, each a quarter of the mean spacing or more from the others.

    With constraints, groups come whole, and where nothing that far may be taken, something nearer is.
    """
    values = values if rules is None else values.masked_fill(barred(rules, len(values)), -torch.inf)
    left = values.clone()
    drawn: list[int] = []
    while len(drawn) < budget:
        if rules is None:
            new: tuple[int, ...] = (int(left.argmax()),)
        else:
            far = left.argsort(descending=True).tolist()[: int(left.isfinite().sum())]
            wishes = [*far, *values.argsort(descending=True).tolist()]
            new = rules.together(rules.first_allowed(wishes, drawn, views=budget))
        for view in new:
            drawn.append(view)
            left[around(view, values, budget)] = -torch.inf
    return torch.tensor(drawn)


def barred(rules: Constraints | None, candidates: int) -> Bool[Tensor, " view"]:
    """Return which candidates cannot be taken at all."""
    return torch.zeros(candidates, dtype=torch.bool) if rules is None else torch.from_numpy(~rules.usable)
