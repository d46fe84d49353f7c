"""requests in 200 threads, each with a session of its own. They are emulated, or OS threads. See `command`."""

from __future__ import annotations

import threading
from time import process_time

import requests
from command import HOST, Measured, main

THREADS = 200


def run_requests(count: int, port: int) -> Measured:
    share = max(count // THREADS, 1)
    failures = []

    def ask() -> None:
        with requests.Session() as session:
            session.trust_env = False  # it would look for proxies and passwords at each request
            for _ in range(share):
                answer = session.get(f"http://{HOST}:{port}/")
                if answer.status_code != 200 or len(answer.content) != 1024:
                    failures.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    began = process_time()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if failures:
        raise SystemExit(f"{len(failures)} wrong answers, the first: {failures[0]!r}")
    return {"requests": (process_time() - began) / (share * THREADS)}


if __name__ == "__main__":
    main(globals())
