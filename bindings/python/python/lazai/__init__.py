"""AI characters as verifiable, paid, tradable things: the LazAI SDK for Python.

Amounts are integers of base units, identifiers hex strings; all that fails raises a ``LazaiError`` with a ``code`` that does
not change. ``lazai.aio`` has what takes its time for asyncio, ``lazai.tensors`` shows tensors as NumPy arrays,
``lazai.progress`` drives tqdm's bars.
"""

from ._lazai import *
from ._lazai import library_version
from .signer import Signer as Signer

__version__ = library_version()
