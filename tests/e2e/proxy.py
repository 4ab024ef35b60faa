"""Passes bytes on between one TCP port of this machine and another: `proxy.py FROM TO`. Says so when it listens."""

import asyncio
import sys


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _main(port: int, to: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print("listening", flush=True)  # noqa: T201 (who has started it waits for that)
    await server.serve_forever()


asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
