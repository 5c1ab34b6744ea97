"""How observers and heads read reconstructions of cases."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from svct.bench.diagnosis_evaluate import decisions_in
from svct.bench.diagnosis_readers import OBSERVERS, make_reader
from svct.bench.experiment.outcome import Measured
from svct.tasks.case import Case
from svct.tasks.heads.base import make_head
from svct.tasks.heads.scores import Values
from svct.tasks.observers import assess

Images = Float[Tensor, "case y x"]


def read(
    name: str,
    train: Float[Tensor, "other y x"],
    fitted_on: Sequence[Case],
    test: Images,
    cases: Sequence[Case],
    *,
    seed: int,
) -> Iterator[Measured]:
    """Fit a reader on some cases and let it read others.

    Args:
        name: An observer or a head.
        train: Float[Tensor, "other y x"] to fit on, 1/mm, in the same way as those that are read.
        fitted_on: Their cases.
        test: Images to read.
        cases: Their cases.
        seed: Of the fit.

    Yields:
        AUC and d' with 95 % intervals over patients where the reader says how sure it is of the finding, and that of
        each case, by which AUCs can be pooled and compared; the other figures of a head.
    """
    if name in OBSERVERS:
        decisions: Values | None = make_reader(name).fit(train, fitted_on).decide(test, cases)
    else:
        head = make_head(name).fit(train, fitted_on, seed=seed)
        predictions = head.predict(test)
        scores = head.judge(predictions, cases)
        decisions = decisions_in(predictions, main=scores.main)
        for key, one in scores.figures.items():
            if key not in ("auc", "dprime"):
                yield Measured(key, one.value, reader=name, low=one.low, high=one.high)
    if decisions is None:
        return
    present = np.array([case.present for case in cases])
    figures = assess(decisions[present].tolist(), decisions[~present].tolist())
    low, high = figures.auc_interval
    yield Measured("auc", figures.auc, reader=name, low=low, high=high)
    low, high = figures.detectability_interval
    yield Measured("dprime", figures.detectability, reader=name, low=low, high=high)
    for case, decision in zip(cases, decisions, strict=True):
        patient = case.record.index
        yield Measured("decision", float(decision), reader=name, patient=patient)
        yield Measured("present", float(case.present), reader=name, patient=patient)
