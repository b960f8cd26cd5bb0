"""
Sealing a password to a device's key, as the project's agents open it: HPKE (RFC 9180) in base mode with DHKEM(P-256,
HKDF-SHA256), HKDF-SHA256 and AES-128-GCM. A platform whose devices open something else needs none of this.
"""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey

from .times import milliseconds

_INFO = b"mdm:password sealed command 1"
_SUITE = CipherSuite.new(KEMId.DHKEM_P256_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES128_GCM)

#: The length of an encapsulated key: an uncompressed point on P-256.
_KEY_LENGTH = 65
#: The length of a private key: a scalar.
_SCALAR_LENGTH = 32


@dataclass(frozen=True, repr=False)
class OpenedPayload:
    """What was sealed for a command."""

    #: A private key of 32 bytes, by which the device opens its reset token.
    token_key: bytes
    #: Empty for a remove.
    password: str


def generate_key() -> tuple[bytes, bytes]:
    """Makes a pair of keys: the private key, 32 bytes, and the public key, 65 bytes."""
    private = ec.generate_private_key(ec.SECP256R1())
    scalar = private.private_numbers().private_value.to_bytes(_SCALAR_LENGTH, "big")
    return scalar, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def seal(public_key: bytes, device: str, command: dict[str, Any], token_key: bytes, password: str | None) -> bytes:
    """
    Seals a password for one command of a device: the encapsulated key, 65 bytes, and the ciphertext. It opens with the
    device's private key only, and for this command only. `token_key` is a private key of 32 bytes that the platform
    keeps for the device; a device without a reset token ignores it.
    """
    if len(token_key) != _SCALAR_LENGTH:
        raise ValueError("the token key is not a P-256 key (32 bytes)")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    encapsulated, sender = _SUITE.create_sender_context(KEMKey.from_pyca_cryptography_key(point), _INFO)
    return encapsulated + sender.seal(token_key + (password or "").encode(), _binding(device, command))


def open_sealed(private_key: bytes, device: str, command: dict[str, Any], sealed: bytes) -> OpenedPayload:
    """Opens what was sealed for this command, as a device does. Raises `pyhpke.OpenError` if it does not open."""
    private = ec.derive_private_key(int.from_bytes(private_key, "big"), ec.SECP256R1())
    encapsulated, ciphertext = sealed[:_KEY_LENGTH], sealed[_KEY_LENGTH:]
    key = KEMKey.from_pyca_cryptography_key(private)
    opened = _SUITE.create_recipient_context(encapsulated, key, _INFO).open(ciphertext, _binding(device, command))
    return OpenedPayload(opened[:_SCALAR_LENGTH], opened[_SCALAR_LENGTH:].decode())


def _binding(device: str, command: dict[str, Any]) -> bytes:
    """The associated data: a line for each field."""
    options, expires_at = command["options"], command["expires_at"]
    flags = "".join(
        f"{name}={'true' if name in options else 'false'}\n"
        for name in ("lock-now", "require-entry", "no-credentials-on-boot")
    )
    expiry = "" if expires_at is None else milliseconds(expires_at)
    return (
        f"device={device}\ncommand={command['id']}\naction={command['action']}\n{flags}expires-at={expiry}\n"
    ).encode()
