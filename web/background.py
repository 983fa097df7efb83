"""A thread of a process that does its work again and again, beside the answers to requests, until the process ends."""

import atexit
import threading

EVERY = 30  # seconds: so late what is due may be done
STOP_WAIT = 3  # seconds


class Background:
    """The thread of this `name`, and the `work` that it does: a function that raises nothing."""

    def __init__(self, name, work):
        self._name, self._work = name, work
        self._thread, self._stopping = None, threading.Event()

    @property
    def stopping(self):
        """Whether it is to end: then the database may be closed already."""
        return self._stopping.is_set()

    def begin(self):
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        atexit.register(self.stop)  # before the connections are closed, whose end was registered earlier

    def stop(self):
        """End the thread after what it is at, or leave it alone where that is not over in a moment."""
        self._stopping.set()
        if self._thread:
            self._thread.join(STOP_WAIT)

    def pause(self, seconds):
        """Wait; tell whether it is not to end meanwhile."""
        return not self._stopping.wait(seconds)

    def _run(self):
        while not self.stopping:
            self._work()
            self.pause(EVERY)
