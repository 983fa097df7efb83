"""A destination of leads: takes each lead, or never answers (`hangs`). Prints its port, and ends with its input."""

import asyncio
import re
import sys

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


async def receive(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(LENGTH.search(head)[1]))
        if "hangs" in sys.argv:
            await reader.read()  # until who sends gives up
        writer.write(TAKEN)
        await writer.drain()
    except (OSError, EOFError):
        pass  # who sends was stopped
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(receive, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
