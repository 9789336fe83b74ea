"""Baseline 2, the worker: RQ's own, a fork for each job. `python rq_worker.py REDIS_SOCKET`."""

import logging
import sys

from redis import Redis
from rq import Queue, Worker

if __name__ == "__main__":
    connection = Redis(unix_socket_path=sys.argv[1])
    worker = Worker([Queue("bench", connection=connection)], connection=connection)
    print("ready", flush=True)
    worker.work(logging_level=logging.WARNING)
