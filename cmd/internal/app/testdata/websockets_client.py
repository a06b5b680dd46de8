"""A screen by python3-websockets: python3 websockets_client.py URL

It says and takes the same lines as transports/client/test/real.mjs.
"""
import asyncio
import json
import sys
import threading

import websockets

url = sys.argv[1].replace("http", "ws") + "/ws"


def say(**what):
    print(json.dumps(what), flush=True)


def take_lines(loop, lines):
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, None)


async def send_lines(state, lines):
    while (line := await lines.get()) is not None:
        await state["socket"].send(line.strip())


async def listen(state):
    cursor, code = "", 0
    while code < 4100:
        try:
            async with websockets.connect(f"{url}?after={cursor}", subprotocols=["reddot.v1"]) as socket:
                state["socket"] = socket
                say(open="; ".join(repr(e) for e in socket.extensions), protocol=socket.subprotocol)
                async for text in socket:
                    event = json.loads(text)
                    cursor = event.get("cursor", cursor)
                    say(event=event)
                code = socket.close_code
        except websockets.ConnectionClosed as e:
            code = e.rcvd.code if e.rcvd else 1006
        except OSError:
            await asyncio.sleep(0.1)
            continue
        say(closed=code)
        await asyncio.sleep(0.1)


async def main():
    state, lines = {}, asyncio.Queue()
    threading.Thread(target=take_lines, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    listener = asyncio.create_task(listen(state))
    await send_lines(state, lines)
    listener.cancel()


asyncio.run(main())
