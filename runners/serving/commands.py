"""The verb `serve`: a config's model on an address of this machine, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import importlib.util
import ipaddress
import logging
import signal
import socket
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from runners.config_files import load
from runners.options import CONFIG, SETTINGS
from runners.serving.limits import Limits
from tasks.nouns import InputError
from tasks.reports.disclaimer import DISCLAIMER

_NEEDED = {"starlette": "starlette", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
_AT_LEAST_ONE = click.IntRange(min=1)


@click.command()
@CONFIG
@SETTINGS
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--max-upload", type=_AT_LEAST_ONE, default=32, show_default=True, help="Size of an image file, MiB.")
@click.option(
    "--per-minute", type=_AT_LEAST_ONE, default=Limits.per_minute, show_default=True, help="Requests of one client."
)
@click.option(
    "--queue", type=_AT_LEAST_ONE, default=Limits.queue, show_default=True, help="Requests under way at once."
)
def serve(
    config: Path, *, settings: tuple[str, ...], host: str, port: int, max_upload: int, per_minute: int, queue: int
) -> None:
    """Answer images that are sent to this machine: caption, concepts or report as JSON.

    CONFIG is a YAML file such as configs/caption_prediction/sample.yaml. The address has a page to try it; POST
    /predict takes the file `image`, GET /health tells what is served. Requests that come together are answered in one
    batch. Images are neither stored nor logged. Ctrl-C or SIGTERM end it when the requests under way are answered.
    """
    _require_packages()
    loaded = load(config, settings)
    # Before the model is loaded, so that a taken port is told at once.
    with _bound(host, port) as listener:
        import uvicorn

        from runners.serving.app import make_app
        from runners.serving.service import Service

        service = Service.load(loaded.config)
        app = make_app(service, Limits(upload=max_upload * 2**20, per_minute=per_minute, queue=queue))
        address, number = listener.getsockname()[:2]
        if not ipaddress.ip_address(address).is_loopback:
            click.echo(
                f"warning: {address} can be reached from other machines, and there is no authentication: whoever "
                "reaches it can use the model; --host 127.0.0.1 keeps it on this one",
                err=True,
            )
        url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
        click.echo(f"{loaded.config.task}: {url} (Ctrl-C ends it). {DISCLAIMER}", err=True)
        # Without proxy headers: a client must not choose the name under which its requests are counted. Without a
        # log_config: uvicorn's own closes the handlers of every other library, and with them what they write to.
        settled = uvicorn.Config(
            app, log_config=None, log_level="warning", proxy_headers=False, server_header=False, ws="none"
        )
        _silence_decoders()
        with closing(service), _ending_quietly():
            uvicorn.Server(settled).run(sockets=[listener])
    click.echo("ended", err=True)


def _require_packages() -> None:
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InputError(f"serve needs {', '.join(missing)}; to install: pip install {' '.join(_NEEDED.values())}")


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds the address but does not listen yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"--host {host}: {error}: give an address of this machine") from None
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise InputError(
                f"--host {host} --port {port}: {error.strerror}: name another port, or 0 for any that is free"
            ) from None
        yield listener


def _silence_decoders() -> None:
    """Let Pillow and pydicom not print what they find odd: it may name a patient."""
    warnings.simplefilter("ignore")
    for name in ("PIL", "pydicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Let uvicorn, which raises the signals that ended it again when all is answered, end with exit status 0."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
