"""What takes its time, for asyncio: each function runs its namesake on a thread, without the GIL.

A task that is cancelled stops the work at its next step, and waits for that; what was done is kept where the function says so.
``stream`` gives a reply piece by piece, as an asynchronous iterator: there, a task that is cancelled stops listening; what the
node has said is checked and promised all the same, on its thread.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import lazai

T = TypeVar("T")
OnProgress = Callable[[lazai.Progress], Any] | None


async def _cancellable(work: Callable[..., T], *args: Any, on_progress: OnProgress) -> T:
    """Runs something that tells how far it is; cancelling the task cancels it."""
    stopped = threading.Event()

    def told(progress: lazai.Progress) -> bool:
        answer = on_progress(progress) if on_progress else None
        return not stopped.is_set() and (answer is None or bool(answer))

    working = asyncio.ensure_future(asyncio.to_thread(work, *args, told))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait([working])
        working.exception()
        raise


async def verify_proof(statement: bytes, proof: bytes) -> lazai.ProofFacts:
    return await asyncio.to_thread(lazai.verify_proof, statement, proof)


async def verify_evidence(evidence: bytes, anchor: bytes) -> lazai.Provenance:
    return await asyncio.to_thread(lazai.verify_evidence, evidence, anchor)


async def inspect_file(path: str, character: str | None = None, user: str | None = None) -> lazai.FileFacts:
    return await asyncio.to_thread(lazai.inspect_file, path, character, user)


async def prepare_dataset(
    files: list[str],
    contributor: lazai.ContributorTerms,
    base_model: str,
    out: str,
    on_progress: OnProgress = None,
    character: str | None = None,
    user: str | None = None,
) -> lazai.DatasetFacts:
    prepare = functools.partial(lazai.prepare_dataset, files, contributor, base_model, out, character=character, user=user)
    return await _cancellable(prepare, on_progress=on_progress)


async def prove_dataset(
    dataset: str,
    public_part: str | None,
    ledger: str,
    submitter: str,
    nonce: int,
    folder: str,
    on_progress: OnProgress = None,
) -> lazai.ProofFiles:
    work = (dataset, public_part, ledger, submitter, nonce, folder)
    return await _cancellable(lazai.prove_dataset, *work, on_progress=on_progress)


async def train(
    base: lazai.BaseModel,
    dataset: str,
    settings: lazai.TrainingSettings,
    folder: str,
    on_progress: OnProgress = None,
) -> lazai.TrainedAdapter:
    return await _cancellable(base.train, dataset, settings, folder, on_progress=on_progress)


async def fine_tune(
    exex: lazai.ExEx,
    submission: str,
    base: lazai.BaseModel,
    settings: lazai.TrainingSettings,
    terms: lazai.ModelTerms,
    on_progress: OnProgress = None,
) -> lazai.MintedModel:
    return await _cancellable(exex.fine_tune, submission, base, settings, terms, on_progress=on_progress)


async def stream(
    chat: lazai.Chat, text: str, settings: lazai.ReplySettings, node: lazai.NodeClient
) -> AsyncIterator[str]:
    """Says something and gives the reply piece by piece; it ends when the reply is checked and promised."""
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
