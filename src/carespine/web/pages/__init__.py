"""The pages that people see: for the practice, the patient, the administrator and the public."""

from __future__ import annotations

from carespine.web.pages.connect import on_error, on_http_error, routes

__all__ = ["on_error", "on_http_error", "routes"]
