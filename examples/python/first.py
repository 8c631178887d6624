"""The first program: a client and a part of the application hear of the same change.

python3 first.py
"""

import fanfare
from fanfare import Profile

with fanfare.Engine() as engine:
    # A client of an older revision, and something in this process, which hears everything.
    client = engine.open(Profile.LEGACY)
    inside = engine.open()
    names = {client: "client", inside: "inside"}

    client.receive('{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"doc://7"}}')
    print(engine.resource_updated("doc://7"), "reached")

    for number, stream, flags, data in engine.drain():
        print(names[engine.session(number)], "<-", data.decode().strip())

    # readme: errors
    client.close()
    try:
        client.subscribe("doc://8")
    except fanfare.GoneError as error:
        print(error.code, error)
    # readme: end
