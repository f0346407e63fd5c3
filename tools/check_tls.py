"""sslyze against a server that ends TLS itself: no old version, no weak cipher, no known attack.

    python tools/check_tls.py

Runs sslyze in an environment of its own (uv), since it brings other packages than Carespine's. Where it cannot be had,
this says so and ends with success: nothing was found because nothing was looked at. Of what sslyze says of Mozilla's
intermediate configuration two things are passed over: a certificate made for the occasion is trusted by nobody, and
Python cannot leave out the curves X448 and secp521r1, which are none the weaker.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import certificate

SSLYZE = "sslyze==6.3.1"
_READY = re.compile(r"ready: https://(\S+?) ")
_UV = Path(sys.executable).with_name("uv")


def main() -> int:
    tool = [str(_UV), "tool", "run", "--quiet", "--from", SSLYZE, "sslyze"]
    if subprocess.run([*tool, "--help"], check=False, capture_output=True).returncode != 0:
        print(f"TLS was not looked at: {SSLYZE} cannot be installed here.")
        return 0
    with tempfile.TemporaryDirectory(prefix="carespine-tls-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        return _check(tool, folder)


def _check(tool: list[str], folder: Path) -> int:
    pem, key = certificate.make(folder)
    process, address = _serve(folder, pem, key)
    try:
        report = folder / "report.json"
        command = [*tool, "--mozilla_config=intermediate", f"--json_out={report}"]
        done = subprocess.run([*command, address], check=False, capture_output=True, text=True)
        if not report.exists():
            print(done.stdout, done.stderr)
            return 1
        faults = faults_of(json.loads(report.read_text())["server_scan_results"][0])
    finally:
        process.terminate()
        process.wait(30)
    for fault in faults:
        print(f"TLS: {fault}")
    print(f"TLS as sslyze sees it: {'nothing found' if not faults else f'{len(faults)} faults'}.")
    return 1 if faults else 0


def _serve(folder: Path, pem: Path, key: Path) -> tuple[subprocess.Popen[str], str]:
    named = {**os.environ, "CARESPINE_TLS_CERTIFICATE": str(pem), "CARESPINE_TLS_KEY": str(key)}
    command = [sys.executable, "-m", "carespine", "serve", "--port", "0", "--data", str(folder / "data")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=named
    )
    for line in process.stdout or ():
        if found := _READY.search(line):
            return process, found[1]
    raise SystemExit("The server did not start.")


def faults_of(scanned: dict[str, Any]) -> list[str]:
    """What one result of sslyze has against the server."""
    if scanned["connectivity_status"] != "COMPLETED":
        return [f"no connection: {scanned['connectivity_error_trace']}"]
    results = {
        name: each["result"] for name, each in scanned["scan_result"].items() if each and each["result"]
    }
    found = [
        f"{name.replace('_cipher_suites', '')} is accepted"
        for name in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
        if results[f"{name}_cipher_suites"]["accepted_cipher_suites"]
    ]
    found += [f"{name} is not accepted" for name in ("tls_1_2", "tls_1_3")
              if not results[f"{name}_cipher_suites"]["accepted_cipher_suites"]]  # fmt: skip
    weak = [
        each["cipher_suite"]["name"]
        for each in results["tls_1_2_cipher_suites"]["accepted_cipher_suites"]
        if not re.match(
            r"TLS_ECDHE_(RSA|ECDSA)_WITH_(AES_(128|256)_GCM|CHACHA20)", each["cipher_suite"]["name"]
        )
    ]
    found += [f"the cipher {each} is weak" for each in weak]
    attacks = {
        "heartbleed": results["heartbleed"]["is_vulnerable_to_heartbleed"],
        "CCS injection": results["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"],
        "compression (CRIME)": results["tls_compression"]["supports_compression"],
        "renegotiation by the client": results["session_renegotiation"][
            "is_vulnerable_to_client_renegotiation_dos"
        ],
        "ROBOT": results["robot"]["robot_result"].startswith("VULNERABLE"),
    }
    return [*found, *(f"open to {name}" for name, is_open in attacks.items() if is_open)]


if __name__ == "__main__":
    sys.exit(main())
