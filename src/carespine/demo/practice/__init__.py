"""The demonstration practice: 500 synthetic patients with ten years of records, the same on every run."""

from carespine.demo.practice.generator import (
    DEFAULT_PATIENTS,
    DEFAULT_SEED,
    DEFAULT_TODAY,
    as_bundles,
    count,
    generate,
)

__all__ = ["DEFAULT_PATIENTS", "DEFAULT_SEED", "DEFAULT_TODAY", "as_bundles", "count", "generate"]
