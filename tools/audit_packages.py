"""pip-audit over the locked packages, which says how many it could not look up instead of passing over them.

    python tools/audit_packages.py requirements.lock

Ends with 1 where a package has a known fault, with 2 where the service did not answer at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_UV = Path(sys.executable).with_name("uv")


def main(lock: str) -> int:
    command = [str(_UV), "tool", "run", "--quiet", "pip-audit", "--disable-pip", "--require-hashes"]
    done = subprocess.run(
        [*command, "--format", "json", "--requirement", lock], check=False, capture_output=True, text=True
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit gave no answer: {done.stderr.strip()[-500:]}")
        return 2
    faults = [(each, fault) for each in packages for fault in each.get("vulns", ())]
    for package, fault in faults:
        fixed = ", ".join(fault.get("fix_versions", ())) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {fixed}")
    unknown = [each for each in packages if "skip_reason" in each]
    print(
        f"{len(packages) - len(unknown)} of {len(packages)} packages looked up, {len(faults)} known faults."
    )
    if unknown:
        print(f"NOT looked up: {len(unknown)} packages, which the index here has no advisories for.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
