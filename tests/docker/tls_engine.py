"""A way to this machine's engine by TCP that speaks TLS only, and asks for a certificate."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PATIENCE = 10.0
_ENGINE = "/var/run/docker.sock"
_DAY = dt.timedelta(days=1)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(folder: Path, stem: str, key: ec.EllipticCurvePrivateKey, made: x509.Certificate):
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / f"{stem}key.pem").write_bytes(private)
    (folder / f"{stem}cert.pem").write_bytes(made.public_bytes(pem))


def certificates(folder: Path) -> None:
    """Make an authority, and a certificate for each side, under the names that Docker expects."""
    now = dt.datetime.now(dt.UTC)
    authority = ec.generate_private_key(ec.SECP256R1())

    def made(name: str, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType):
        builder = x509.CertificateBuilder(
            _named("authority"), _named(name), key.public_key(), x509.random_serial_number(),
            now - _DAY, now + _DAY,
        )  # fmt: skip
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(authority, hashes.SHA256())

    own = made("authority", authority, x509.BasicConstraints(ca=True, path_length=None))
    (folder / "ca.pem").write_bytes(own.public_bytes(serialization.Encoding.PEM))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for stem, use, more in (
        ("server-", ExtendedKeyUsageOID.SERVER_AUTH, [here]),
        ("", ExtendedKeyUsageOID.CLIENT_AUTH, []),
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder, stem, key, made(f"{stem}us", key, x509.ExtendedKeyUsage([use]), *more))


@contextmanager
def tls_engine(folder: Path) -> Iterator[dict[str, str]]:
    """Let the engine be reached by TLS; gives the variables that say how."""
    certificates(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(_forward, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = server.sockets[0].getsockname()[1]
        yield {
            "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(folder),
        }
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    engine_reader, engine_writer = await asyncio.open_unix_connection(_ENGINE)
    ways = (_copy(reader, engine_writer), _copy(engine_reader, writer))
    try:
        # Over TLS nobody can stop speaking and go on listening: one end is the end of both.
        await asyncio.wait([asyncio.ensure_future(way) for way in ways],
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
    finally:
        for end in (writer, engine_writer):
            end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
