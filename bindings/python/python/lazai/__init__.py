"""AI characters as verifiable, paid, tradable things: the LazAI SDK for Python.

Amounts are integers of base units, identifiers hex strings. What fails raises a ``LazaiError`` with a ``code`` that does not
change; an argument of a wrong type or an unknown word is a ``TypeError``, ``ValueError`` or ``OverflowError``, as elsewhere. ``lazai.aio`` has what takes its time for asyncio, ``lazai.tensors`` shows tensors as NumPy arrays,
``lazai.progress`` drives tqdm's bars.
"""

from . import _lazai
from ._lazai import *
from ._lazai import library_version
from .signer import Signer

__version__ = library_version()
__all__ = ["Signer"]
__all__ += _lazai.__all__
