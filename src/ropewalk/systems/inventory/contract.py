"""What the service is asked about an item, and what it answers. Pure: no table, no model.

A period is the planning step (a week, unless the configuration says days). Lists of history end with the period that has
just ended; lists ahead begin with the period that begins now.
"""

from ropewalk.systems.inventory.features import HORIZON, WINDOW
from ropewalk.types import Column, Contract

LONGEST_LEAD = HORIZON  # periods; a request's `on_order` has a place for each

REQUEST = Contract(
    columns=(
        Column("item", "str", "item, as in your tables"),
        Column("site", "str", "where it is stocked", required=False, default="all"),
        Column("date", "date", "first day of the period that begins now"),
        Column("on_hand", "float", "stock that can be sold now, with what arrived today", "units", low=0, high=1e9),
        Column("on_order", "float", "what is due in 1, 2, ... periods", "units", low=0, high=1e9, required=False,
               default=[0.0] * LONGEST_LEAD, length=LONGEST_LEAD),
        Column("demand_history", "float", "units asked for, a period each", "units", low=0, high=1e9, length=WINDOW),
        Column("known_history", "float", "1 where that demand is known, 0 where it is not (no data, out of stock)", "share",
               low=0, high=1, required=False, default=[1.0] * WINDOW, length=WINDOW),
        Column("promo_history", "float", "share of the site that had a promotion", "share", low=0, high=1, required=False,
               default=[0.0] * WINDOW, length=WINDOW),
        Column("price_history", "float", "price paid", "USD/unit", low=0, high=1e7, length=WINDOW),
        Column("promo_plan", "float", "promotion planned for this period and the next ones", "share", low=0, high=1,
               required=False, default=[0.0] * HORIZON, length=HORIZON),
        Column("promo_planned", "float", "1 where the plan is known, 0 where it is not made yet", "share", low=0, high=1,
               required=False, default=[0.0] * HORIZON, length=HORIZON),
        Column("unit_cost_usd", "float", "purchase price", "USD/unit", low=0, high=1e7),
        Column("holding_usd", "float", "cost of a unit on the shelf for a period", "USD/unit/period", low=0, high=1e6),
        Column("lost_sale_usd", "float", "what a lost sale costs beyond its margin", "USD/unit", low=-1e6, high=1e6,
               required=False, default=0.0),
        Column("order_cost_usd", "float", "fixed cost of an order line", "USD/line", low=0, high=1e6, required=False,
               default=0.0),
        Column("lead_time_periods", "int", "from the order to its arrival", "periods", low=0, high=LONGEST_LEAD),
        Column("next_order_periods", "int", "until the next chance to order", "periods", low=1, high=52, required=False,
               default=1),
        Column("may_order", "bool", "whether an order can be placed now", required=False, default=True),
        Column("pack_size", "float", "orders are multiples of it", "units", low=1e-6, high=1e9, required=False, default=1.0),
        Column("min_order", "float", "smallest order", "units", low=0, high=1e9, required=False, default=0.0),
    ),
    keys=("item", "site", "date"),
)  # fmt: skip

ANSWER = Contract(
    columns=(
        Column("order_now", "float", "what to order now", "units", low=0),
        Column("expected_arrival", "date", "first day on which that can be sold"),
        Column("order_up_to", "float", "stock on hand and on order after an order that is not rounded", "units"),
        Column("reorder_at", "float", "an order is placed when stock on hand and on order is at or below this", "units"),
        Column("expected_demand", "float", "until the next order could arrive", "units", low=0),
        Column("p_stock_out", "float", "chance of running out before the next chance to order", "probability", low=0, high=1),
        Column("p_stock_out_covered", "float", "chance of running out before the next order could arrive", "probability",
               low=0, high=1),
        Column("expected_profit_usd", "float", "what this line earns until the next order could arrive: margin of the sales "
               "that it saves, less holding and handling; what is left over is worth its cost", "USD"),
        Column("reason", "str", "why, for the buyer"),
    )
)  # fmt: skip
