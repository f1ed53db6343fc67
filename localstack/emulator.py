#!/usr/bin/env python3
"""A stand-in for S3, SQS, DynamoDB, CloudFormation on this machine: installed once, on a free port, gone with its asker.

    localstack/emulator.py                    serves, says its address in one line, ends when standard input does
    localstack/emulator.py --port 4566        serves on a port of your choice until a signal comes
    localstack/emulator.py --run COMMAND...   serves while COMMAND runs, with ANNEXA_TEST_ENDPOINT set to the address
    localstack/emulator.py --install          only installs

It is ministack from PyPI, in a virtual environment of its own under target/emulator (CARGO_TARGET_DIR is heeded), as
localstack/requirements.txt pins it. All that it holds is in memory.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pinned

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
PYTHON = pinned.python("emulator")


def install():
    """Makes the virtual environment unless it is there."""
    pinned.install("emulator", REQUIREMENTS)


def end_with_standard_input():
    """The kernel closes the pipe when its other end dies, however that happened."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def say_when_ready(address):
    """Says the address once requests are answered; connections before that wait in the socket's line."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}/_ministack/health", timeout=60):
        print(address, flush=True)


def serve(port):
    """Serves until the process ends: with standard input where the port is ours to choose (0), by a signal else.

    The socket is bound here, so that nobody else can take the port in between.
    """
    port_is_free = port == "0"
    if port_is_free:
        # Whoever started it decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", int(port)))
    except OSError as error:
        print(f"emulator: port {port} cannot be had ({error.strerror}): name another one", file=sys.stderr)
        sys.exit(64)
    sock.listen(512)
    port = sock.getsockname()[1]
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", MINISTACK_HOST="127.0.0.1", LOG_LEVEL=os.environ.get("LOG_LEVEL", "ERROR")
    )

    import asyncio

    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{os.dup(sock.fileno())}"]
    config.backlog = 512
    config.keep_alive_timeout = 75
    config.loglevel = os.environ["LOG_LEVEL"]
    if port_is_free:
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    threading.Thread(target=say_when_ready, args=(f"http://127.0.0.1:{port}",), daemon=True).start()
    asyncio.run(hypercorn_serve(app, config))


def run(command):
    """Runs a command with an emulator beside it; the command's exit code is ours."""
    emulator = subprocess.Popen(
        [str(PYTHON), __file__, "--serve", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address = emulator.stdout.readline().strip()
        if not address:
            sys.exit("emulator: it did not start; its own words stand above")
        child = subprocess.Popen(command, env={**os.environ, "ANNEXA_TEST_ENDPOINT": address})
        # Ctrl-C reaches the command by itself; it decides what becomes of that.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
        return code if code >= 0 else 128 - code
    finally:
        emulator.stdin.close()
        emulator.wait()


def main(arguments):
    match arguments:
        case ["--serve", port]:
            serve(port)
        case ["--install"]:
            install()
        case ["--run", *command] if command:
            install()
            sys.exit(run(command))
        case [] | ["--port", _]:
            install()
            os.execv(PYTHON, [str(PYTHON), __file__, "--serve", (arguments or ["", "0"])[1]])
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(64)


main(sys.argv[1:])
