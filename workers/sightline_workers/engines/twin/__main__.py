"""`python -m sightline_workers.engines.twin`: run a simulated engine until SIGTERM or Ctrl-C."""

import asyncio
import signal
import sys
from typing import Any

import click

from .costs import PROFILES
from .engine import TwinEngine
from .http1 import Connection
from .options import TwinOptions
from .routes import Routes

# How long requests aboard may go on after SIGTERM, in seconds; vLLM has --shutdown-timeout.
_DRAIN_S = 5.0


async def serve(options: TwinOptions) -> None:
    """Serve until told to stop, then let what is aboard finish. The first line printed names the URL."""
    loop = asyncio.get_running_loop()
    engine = TwinEngine(options)
    routes = Routes(engine)
    server = await loop.create_server(
        lambda: Connection(routes.handle), options.host, options.port, backlog=1024
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"twin listening on http://{options.host}:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    deadline = loop.time() + _DRAIN_S
    while engine.scheduler.aboard and loop.time() < deadline:
        await asyncio.sleep(0.02)


def run(options: TwinOptions) -> None:
    """`serve` on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        asyncio.run(serve(options))
    else:
        uvloop.run(serve(options))


@click.command(name="twin")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default="a free one")
@click.option("--model", default="default", show_default=True, help="Name the model is served under.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="batching", show_default=True)
@click.option("--speed", default=1.0, show_default=True, help="How many times faster than the profile.")
@click.option("--max-num-seqs", default=137, show_default=True, help="Requests it runs at once.")
@click.option("--max-num-queued-reqs", type=int, help="Requests aboard beyond which it answers 503.")
@click.option("--max-model-len", default=32_768, show_default=True, help="Context length in tokens.")
@click.option("--kv-tokens", default=2_000_000, show_default=True, help="Size of the KV cache in tokens.")
@click.option("--max-images", default=16, show_default=True, help="Images that a request may carry.")
@click.option("--poison", default="", help="Text, or SHA-256 of an image, that kills it.")
def main(**options: Any) -> None:
    """Run a simulated engine that serves vLLM's OpenAI API."""
    try:
        checked = TwinOptions(**options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    run(checked)


if __name__ == "__main__":
    main()
