"""States as places of a table."""

import numpy as np

from ropewalk.systems.inventory.engine.box import Box


def test_a_box_counts_its_states_in_order():
    box = Box((2, 3))
    np.testing.assert_array_equal(box.of(box.states(), np), np.arange(6))
    assert box.of(np.array([9, 9]), np) == 5
