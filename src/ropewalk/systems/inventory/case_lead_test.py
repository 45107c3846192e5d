"""Random lead times: read as they are said, and costs as a sum over all that can be on its way says."""

import numpy as np
import pytest

from ropewalk.errors import ConfigError
from ropewalk.systems.inventory.case import case_of
from ropewalk.systems.inventory.commands.policies import Effort, fixed, make, score, suited
from ropewalk.systems.inventory.engine.laws import law
from ropewalk.systems.inventory.instance import Instance

WAITING = {"demand": "poisson:5", "backlog": 9.0}


def backlogged(chances, level, holding=1.0, backlog=9.0):
    """Cost a period of base-stock where demand waits. Each order is the demand of the period before it, so that at the end of a period
    there are missing: its own demand, and those of earlier ones whose orders are still on their way, each with a chance of its own."""
    demand = law("poisson:5").probability()
    missing = demand
    for age in range(max(chances)):
        late = sum(chance for periods, chance in chances.items() if periods > age)
        missing = np.convolve(missing, np.r_[1.0 - late + late * demand[0], late * demand[1:]])
    left = level - np.arange(len(missing))
    return float(missing @ (holding * np.maximum(left, 0.0) + backlog * np.maximum(-left, 0.0)))


@pytest.mark.parametrize("said", ["2:0.5,3:0.3,5:0.2", "0:0.5,6:0.5"])
def test_where_demand_waits_the_best_level_and_its_cost_are_those_of_the_sum(said):
    chances = {int(periods): float(chance) for periods, chance in (part.split(":") for part in said.split(","))}
    case = case_of(Instance(**WAITING, lead_time_law=said))
    found = make("base-stock", case, Effort())
    scored = score(found, case, Effort())
    level = found.parameters["level"]
    assert abs(scored.cost - backlogged(chances, level)) < 4.0 * scored.error < 0.2
    assert backlogged(chances, level) < 1.005 * min(backlogged(chances, other) for other in range(60))


def test_a_certain_lead_time_may_be_said_as_a_law():
    as_law, plain = (case_of(Instance(**WAITING, **lead)) for lead in ({"lead_time_law": "3:1"}, {"lead_time": 3}))
    assert as_law.problem.world == plain.problem.world
    assert suited(as_law) == suited(plain)
    costs = [score(fixed("base-stock", case, (25.0,)), case, Effort()).cost for case in (as_law, plain)]
    assert costs[0] == costs[1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"lead_time_law": "2:0.5,4:0.6"}, "1 in all, not 1.1"),
        ({"lead_time_law": "2:1.5,4:-0.5"}, "0 or more"),
        ({"lead_time_law": "2:0.5,2:0.5"}, "twice"),
        ({"lead_time_law": "uniform"}, r"as 2:0\.5,3:0\.3,5:0\.2"),
        ({"lead_time_law": "2.5:1"}, "not read"),
        ({"lead_time_law": "-1:1"}, "0 to 60"),
        ({"lead_time_law": "2:1", "lead_time": 3}, "one of them"),
        ({"lead_time_law": "2:1", "expedited_lead_time": 0, "expedited_unit_cost": 1.0}, "two sources"),
    ],
)
def test_what_is_no_law_of_lead_times_is_refused(given, says):
    with pytest.raises(ConfigError, match=says):
        case_of(Instance(**WAITING, **given))


@pytest.mark.parametrize("name", ["exact", "learned", "pretrained", "fine-tuned", "myopic", "projected"])
def test_policies_that_know_when_orders_come_are_refused(name):
    case = case_of(Instance(demand="poisson:5", penalty=9.0, lead_time_law="2:0.5,4:0.5"))
    with pytest.raises(ConfigError):
        make(name, case, Effort(steps=1))
