"""The interface of keys that are held elsewhere."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lazai._lazai import SigningRequest


class Signer(Protocol):
    """A key: a ``LocalKey``, or any object of yours in a key store, a wallet, a key management service."""

    @property
    def address(self) -> str:
        """The account's address."""

    def sign(self, request: "SigningRequest") -> str:
        """Signs ``request.digest``; gives 65 bytes as hex: r, s in the lower half, v (27 or 28)."""
