"""Tokens by azure-identity: by a secret and by a certificate, and by the two implementations of each.

The asynchronous credentials ask the token endpoint alone; the synchronous ones are made on MSAL, which reads
the authority's OpenID configuration first.
"""

import base64
import datetime
import inspect

import azure.identity
import azure.identity.aio
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

__all__ = ["AccessToken", "make", "new_certificate", "token"]


def make(settings, question):
    """The credential "secret", "certificate", "secret sync" or "certificate sync"."""
    kind, _, form = question["login"].partition(" ")
    library = azure.identity if form == "sync" else azure.identity.aio
    common = {
        "authority": settings["authority"],
        "connection_verify": settings["ca"],
        # Nobody knows the authority but us: the list of known ones is on the Internet.
        "disable_instance_discovery": True,
        # A refusal is an answer, not an outage.
        "retry_total": 0,
    }
    if kind == "secret":
        secret = question.get("secret", settings["secret"])
        return library.ClientSecretCredential(settings["tenant"], settings["client"], secret, **common)
    key = question.get("key", settings["key"])
    chain = question.get("send_certificate_chain", False)
    return library.CertificateCredential(
        settings["tenant"], settings["client"], key, send_certificate_chain=chain, **common
    )


async def token(settings, question, scope):
    """A new token: its text, and the seconds until it expires."""
    credential = make(settings, question)
    try:
        got = credential.get_token_info(question.get("scope", scope))
        if inspect.isawaitable(got):
            got = await got
    finally:
        closing = credential.close()
        if inspect.isawaitable(closing):
            await closing
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    return {"token": got.token, "type": got.token_type, "expires_in": got.expires_on - now}


def new_certificate(path):
    """Makes a key and a certificate for it, in one PEM file as the client wants it; tells the certificate (DER)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fidelity")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with open(path, "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
