"""Long work: progress that is throttled, its completion, its cancellation, and a task.

    pip install ../../python && python3 progress.py

Clients of both eras call a tool that takes a while. The worker raises progress as often as it
likes; what each client hears is bounded by the option progress.min_interval_ms, and the result
always comes last.
"""

import json

import fanfare
from fanfare import Disposition, Profile, StateError

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {
        "extensions": {"io.modelcontextprotocol/tasks": {}}
    },
}
STEPS = 6


def say(session, method, params, id=None):
    """What the client sends; whether the server must act on it."""
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    text = json.dumps(message if id is None else {**message, "id": id})
    return session.receive(text) == Disposition.PASS


def deliver(clients):
    for name, session in clients.items():
        for frame in session.read().decode().splitlines():
            print(f"{name} <- {frame}")


# readme: job
class Job:
    """One call of the tool, as its worker sees it."""

    def __init__(self, engine, session, id, token):
        self.engine, self.session, self.id, self.token = engine, session, id, token
        self.done, self.is_cancelled = 0, False

    def step(self):
        """Some of the work; whether there is more."""
        if self.is_cancelled:
            return False
        self.done += 1
        self.engine.progress(self.token, self.done, STEPS, to=self.session)
        return self.done < STEPS

    def answer(self):
        result = {"content": [{"type": "text", "text": "indexed"}]}
        self.session.send({"jsonrpc": "2.0", "id": self.id, "result": result})
    # readme: end


def main():
    with fanfare.Engine(clock="manual", progress_min_interval_ms=100) as engine:
        legacy, modern = engine.open(Profile.LEGACY), engine.open(Profile.MODERN)
        clients = {"legacy": legacy, "modern": modern}

        # readme: run
        jobs = []
        if say(legacy, "tools/call", {"name": "index", "_meta": {"progressToken": "job"}}, id=1):
            jobs.append(Job(engine, legacy, 1, "job"))
        meta = {**META, "progressToken": 7}
        if say(modern, "tools/call", {"name": "index", "_meta": meta}, id=1):
            jobs.append(Job(engine, modern, 1, 7))
        for step in range(STEPS):
            now = step * 40
            engine.advance(now)
            for job in jobs:
                job.step()
            print(f"# {now} ms: step {step + 1} of {STEPS}")
            deliver(clients)
        print("# done")
        for job in jobs:
            job.answer()
        deliver(clients)
        # readme: end

        # readme: cancel
        print("# the legacy client calls again, and changes its mind")
        engine.advance(1000)
        say(legacy, "tools/call", {"name": "index", "_meta": {"progressToken": "again"}}, id=2)
        job = Job(engine, legacy, 2, "again")
        job.step()
        deliver(clients)
        job.step()  # held back, as it comes too soon, and then withdrawn
        if say(legacy, "notifications/cancelled", {"requestId": 2}):
            job.is_cancelled = True
        while job.step():
            pass
        print(f"# stopped after step {job.done}")
        try:
            job.answer()
        except StateError as why:
            print(f"# {why.detail}")
        engine.advance(2000)
        deliver(clients)
        # readme: end

        # readme: task
        print("# the modern client's call becomes a task")
        say(modern, "tools/call", {"name": "index", "_meta": META}, id=2)
        task = {
            "taskId": "t-1",
            "createdAt": "2026-07-28T12:00:00Z",
            "lastUpdatedAt": "2026-07-28T12:00:00Z",
            "ttlMs": None,
            "status": "working",
        }
        modern.send({"jsonrpc": "2.0", "id": 2, "result": {"resultType": "task", **task}})
        listen = {"_meta": META, "notifications": {"taskIds": ["t-1"]}}
        say(modern, "subscriptions/listen", listen, id="task")
        deliver(clients)
        for step in range(1, 4):  # while the client reads nothing
            engine.task({**task, "statusMessage": f"step {step} of 3"})
        deliver(clients)
        engine.task({**task, "status": "completed", "result": {"content": []}})
        deliver(clients)
        # readme: end


if __name__ == "__main__":
    main()
