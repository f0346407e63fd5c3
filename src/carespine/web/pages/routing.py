"""All pages as routes."""

from __future__ import annotations

from starlette.routing import Route

from carespine.web.pages import estates, front, patient, practice, products, workbench
from carespine.web.pages.ports import Platform


def page_routes(platform: Platform) -> list[Route]:
    """Every page; `platform` answers for the data (see `ports.py`)."""
    return [
        *front.routes(platform),
        *practice.routes(platform),
        *patient.routes(platform),
        *estates.routes(platform),  # before the products: "compare" is no product
        *products.routes(platform),
        *workbench.routes(platform),
    ]
