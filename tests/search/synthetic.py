"""Problems whose threshold is known: curves of performance over d, with noise, dips and learning curves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from idim_cli.core.errors import IdimError
from idim_cli.recipe.load import load

SHAPES = {
    "exponential": lambda r: 1 - 0.1 ** (r**0.8),
    "hyperbolic": lambda r: r / (r + 1 / 9),
    "power": lambda r: 1 - 0.1 * r**-0.6 if r > 0.03 else 0.0,
    "sigmoid": lambda r: 1 / (1 + r**-1.2 / 9),
    "steep": lambda r: 1 / (1 + r**-6.0 / 9),
}  # each is 0.9 at r = 1


@dataclass
class Problem:
    """One synthetic problem: d_int90 is `truth`, direct training comes to about 1.

    Attributes:
        dips: (place in log d, width, depth) of places where larger d does worse.
        epochs: budget of a run; performance nears its final value as a power of time.
    """

    truth: float
    shape: str
    D: int
    noise: float
    direct_noise: float
    dips: list[tuple[float, float, float]] = field(default_factory=list)
    epochs: int = 10
    jitter: float = 0.0

    def mean(self, d: float) -> float:
        return SHAPES[self.shape](d / self.truth) - sum(
            depth * math.exp(-0.5 * ((math.log(d) - at) / width) ** 2) for at, width, depth in self.dips
        )

    def result(self, run, rng: np.random.Generator) -> dict:
        """What `run` comes to, stopped as its goal says."""
        d = self.D if run.direct else run.recipe.d
        final = 1 + self.direct_noise * rng.standard_normal() if run.direct else self._final(d, rng)
        rise, power = rng.uniform(0.05, 0.3), rng.uniform(0.7, 1.3)
        steps = np.arange(1, self.epochs + 1)
        curve = final - rise * final * (steps**-power - self.epochs**-power)
        curve = curve + self.jitter * rng.standard_normal(self.epochs)
        epoch, verdict = self._stop(list(curve), run.goal)
        low, high = run.goal.final(list(curve[:epoch])) if verdict else (None, None)
        return {
            "run_id": run.run_id, "recipe": "synthetic", "status": verdict or "ok", "direct": run.direct,
            "D": self.D, "d": d, "performance": float(curve[epoch - 1]), "curve": curve[:epoch].tolist(),
            "epoch": epoch, "epochs": self.epochs,
            "stop_level": run.goal.level if verdict else None, "final_low": low, "final_high": high,
            "seed_theta0": run.recipe.seeds.theta0, "seed_projector": run.recipe.seeds.projector,
            "seed_data": run.recipe.seeds.data, "metric": "accuracy", "score_on": "validation",
        }  # fmt: skip

    def _final(self, d: int, rng: np.random.Generator) -> float:
        return self.mean(d) + self.noise * rng.standard_normal()

    def _stop(self, curve: list[float], goal) -> tuple[int, str | None]:
        for epoch in range(1, self.epochs) if goal else ():
            verdict = goal.verdict(curve[:epoch])
            if verdict:
                return epoch, verdict
        return self.epochs, None


def problem(rng: np.random.Generator) -> Problem:
    """A problem drawn at random."""
    D = int(np.exp(rng.uniform(math.log(2e3), math.log(2e6))))
    truth = D ** rng.uniform(0.35, 0.8)
    noise = float(np.exp(rng.uniform(math.log(0.002), math.log(0.02))))
    dips = [
        (math.log(truth) + rng.uniform(-2, 2), rng.uniform(0.03, 0.2), rng.uniform(1, 3) * noise)
        for _ in range(rng.integers(0, 4))
    ]
    shape = str(rng.choice(list(SHAPES)))
    direct_noise = noise * float(rng.uniform(0.2, 1))
    return Problem(
        truth,
        shape,
        D,
        noise,
        direct_noise,
        dips,
        int(rng.choice([6, 10, 30])),
        noise * float(rng.uniform(0.1, 1)),
    )


def crossing(one: Problem) -> float:
    """The smallest d at which the mean, dips and all, reaches the level."""
    d = np.exp(np.linspace(math.log(one.truth) - 1.5, math.log(one.truth) + 1.5, 6001))
    mean = np.array([one.mean(x) for x in d])
    return float(d[np.argmax(mean >= 0.9)])


def carried_out(one: Problem, seed: int, *overrides: str, baseline: str = "sweep.baseline.seeds=3"):
    """Search the problem; the search, its runs in order, their results by run_id, and its log."""
    from idim_cli.search.base import build

    settings = ["sweep.search=adaptive", baseline, *overrides]
    search = build(load("quickstart", settings).recipe, lambda group: one.D)
    told: dict[str, dict] = {}
    log: list[str] = []
    rng = np.random.default_rng(seed)
    while (ask := search.ask(told)) is not None:
        log += ask.why
        for run in ask.runs:
            if run.run_id in told:
                raise IdimError(f"{run.run_id} asked for twice")
            told[run.run_id] = one.result(run, rng)
    return told, log
