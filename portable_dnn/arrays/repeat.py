"""Taking a step several times, for array libraries that know nothing better than a loop."""

from portable_dnn.arrays.contract import Array, Measurements, Step, Stretch

__all__ = ["one_by_one"]


def one_by_one(step: Step) -> Stretch:
    """Take a step again and again.

    Parameters
    ----------
    step : Step
        What to take.

    Returns
    -------
    Stretch
    """

    def run(
        state: dict[str, Array], data: Array, signs: Array, times: int = 1
    ) -> tuple[Measurements, dict[str, Array]]:
        measurements: Measurements = {}
        for _ in range(times):
            measurements, state = step(state, data, signs)
        return measurements, state

    return run
