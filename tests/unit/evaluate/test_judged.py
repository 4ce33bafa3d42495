import numpy as np
import pytest

from vectune.evaluate.judged import Judged
from vectune.records import Kind


@pytest.mark.parametrize("name", ["per_unit", "scores", "gold", "ranking", "clusters"])
def test_columns_that_do_not_line_up_with_the_units_are_refused(name: str) -> None:
    """A column of another length than the units can't be built into a Judged."""
    short = np.zeros(1)
    values = {"per_unit": {"ndcg@10": short}} if name == "per_unit" else {"per_unit": {}, name: short}
    with pytest.raises(ValueError, match="has 1 values for 2 units"):
        Judged(kind=Kind.PAIRS, units=("a", "b"), totals={}, **values)
