"""Measures live batches over HTTP: a server of its own, clients that each send a patient's batches one after another.

    python benchmarks/device_batch_http.py [BATCHES] [CLIENTS]        (default 60 batches of 1,000 samples, 4 clients)

The server and the clients share the machine. The job by which the record follows runs meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

import httpx
from device_batch import SIZE, batch

_TIMEOUT_S = 60


def main() -> None:
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    bodies = [json.dumps({"samples": batch(number)}).encode() for number in range(batches)]
    command = [sys.executable, "-m", "carespine", "serve", "--open", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as data,
        subprocess.Popen(
            [*command, "--data", data], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server,
    ):
        try:
            address = demanded(server.stdout).readline().split()[3]
            for count in dict.fromkeys((1, clients)):
                print(json.dumps(measured(address, bodies, count)), flush=True)
        finally:
            server.terminate()


def demanded(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise SystemExit("The server has no output.")
    return stream


def measured(address: str, bodies: list[bytes], clients: int) -> dict[str, object]:
    """All bodies, sent by so many clients at once, each for a patient of its own."""
    times: list[float] = []
    senders = [
        threading.Thread(target=send, args=(address, f"wearer-{clients}-{number}", bodies, times))
        for number in range(clients)
    ]
    started = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    seconds, ordered = time.perf_counter() - started, sorted(times)
    if len(times) != clients * len(bodies):
        raise SystemExit("Not every batch was taken.")
    return {
        "clients": clients,
        "samples_per_second": round(len(times) * SIZE / seconds),
        "batch_p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
        "batch_p95_ms": round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
    }


def send(address: str, patient: str, bodies: list[bytes], times: list[float]) -> None:
    with httpx.Client(base_url=address, timeout=_TIMEOUT_S, trust_env=False) as http:
        made = http.put(f"/fhir/Patient/{patient}", json={"resourceType": "Patient", "id": patient})
        made.raise_for_status()
        for number, body in enumerate(bodies):
            headers = {"content-type": "application/json", "idempotency-key": str(number)}
            started = time.perf_counter()
            answer = http.post(f"/devices/patients/{patient}/batches", content=body, headers=headers)
            while answer.status_code == 429:
                time.sleep(float(answer.headers["retry-after"]))
                answer = http.post(f"/devices/patients/{patient}/batches", content=body, headers=headers)
            answer.raise_for_status()
            if answer.json()["stored"] != SIZE:
                raise SystemExit("A batch was not stored whole.")
            times.append(time.perf_counter() - started)


if __name__ == "__main__":
    main()
