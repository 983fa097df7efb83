"""The settings of Datapost's own gunicorn.conf.py, for the Flask view that it is compared with."""

import os

workers = 2
worker_class = "gthread"
threads = 16


def post_fork(_server, worker):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == workers:
        os.sched_setaffinity(0, {cores[worker.age % workers]})
