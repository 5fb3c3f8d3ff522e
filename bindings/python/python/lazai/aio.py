"""What takes its time, for asyncio: each function runs its namesake on a thread, without the GIL.

``stream`` gives a reply piece by piece, as an asynchronous iterator. A task that is cancelled stops listening; what the
node has said is checked and paid all the same, on its thread.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import lazai


async def verify_proof(statement: bytes, proof: bytes) -> lazai.ProofFacts:
    return await asyncio.to_thread(lazai.verify_proof, statement, proof)


async def verify_evidence(evidence: bytes, anchor: bytes) -> lazai.Provenance:
    return await asyncio.to_thread(lazai.verify_evidence, evidence, anchor)


async def inspect_file(path: str) -> lazai.FileFacts:
    return await asyncio.to_thread(lazai.inspect_file, path)


async def prepare_dataset(*args: Any, **kwargs: Any) -> lazai.DatasetFacts:
    return await asyncio.to_thread(lazai.prepare_dataset, *args, **kwargs)


async def prove_dataset(*args: Any, **kwargs: Any) -> lazai.ProofFiles:
    return await asyncio.to_thread(lazai.prove_dataset, *args, **kwargs)


async def stream(
    chat: lazai.Chat, text: str, settings: lazai.ReplySettings, node: lazai.NodeClient
) -> AsyncIterator[str]:
    """Says something and gives the reply piece by piece; it ends when the reply is checked and paid."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(piece: str | None) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    def talk() -> None:
        try:
            chat.say(text, settings, node, hear)
        finally:
            hear(None)

    talking = asyncio.ensure_future(asyncio.to_thread(talk))
    while (piece := await pieces.get()) is not None:
        yield piece
    await talking
