"""Blocking: a thread that sleeps until there is something to write, and writes it.

python3 wait.py
"""

import threading

import fanfare


# readme: writer
def write_all(engine, over):
    """The writer. What is due by the clock is done while it waits."""
    while True:
        is_over = over.is_set()
        engine.wait(0 if is_over else None)
        for session, stream, flags, data in engine.drain():
            print(data.decode().strip())
        if is_over:
            return


with fanfare.Engine() as engine:
    over = threading.Event()
    writer = threading.Thread(target=write_all, args=(engine, over))
    writer.start()
    engine.open()
    engine.notify("notifications/build/done", {"ok": True})
    # Goodbye: what waits is written before.
    over.set()
    engine.wakeup()
    writer.join()
# readme: end
