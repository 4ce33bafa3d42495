"""What the stores refuse."""

from __future__ import annotations

import pickle

from vectune.jobs.refusals import BadParameter


def test_bad_parameter_keeps_its_path_between_processes() -> None:
    """The path of the parameter outlives pickling, as errors cross process borders."""
    copied = pickle.loads(pickle.dumps(BadParameter("found", "do", "method.x")))
    assert (copied.message, copied.hint, copied.param) == ("found", "do", "method.x")
