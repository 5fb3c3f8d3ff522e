"""What takes its time, for asyncio: each function runs its namesake on a thread, without the GIL.

A task that is cancelled stops the work at its next step, and waits for that; what was done is kept where the function says so.
``stream`` gives a reply piece by piece, as an asynchronous iterator: there, a task that is cancelled stops listening; what the
node has said is checked and promised all the same, on its thread.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from os import PathLike
from typing import Any, TypeVar

import lazai

T = TypeVar("T")
AnyPath = str | PathLike[str]
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


async def verify_evidence(evidence: str | bytes, anchor: str | bytes) -> lazai.Provenance:
    return await asyncio.to_thread(lazai.verify_evidence, evidence, anchor)


async def inspect_file(path: AnyPath, character: str | None = None, user: str | None = None) -> lazai.FileFacts:
    return await asyncio.to_thread(lazai.inspect_file, path, character, user)


async def prepare_dataset(
    files: Sequence[AnyPath],
    contributor: lazai.ContributorTerms,
    base_model: AnyPath,
    out: AnyPath,
    on_progress: OnProgress = None,
    character: str | None = None,
    user: str | None = None,
    card: lazai.Character | None = None,
    record_tokens: int | None = None,
) -> lazai.DatasetFacts:
    prepare = functools.partial(
        lazai.prepare_dataset,
        files,
        contributor,
        base_model,
        out,
        character=character,
        user=user,
        card=card,
        record_tokens=record_tokens,
    )
    return await _cancellable(prepare, on_progress=on_progress)


async def prove_dataset(
    dataset: AnyPath,
    public_part: AnyPath | None,
    ledger: str,
    submitter: str,
    nonce: int,
    folder: AnyPath,
    on_progress: OnProgress = None,
) -> lazai.ProofFiles:
    work = (dataset, public_part, ledger, submitter, nonce, folder)
    return await _cancellable(lazai.prove_dataset, *work, on_progress=on_progress)


async def train(
    base: lazai.BaseModel,
    dataset: AnyPath,
    settings: lazai.TrainingSettings,
    folder: AnyPath,
    on_progress: OnProgress = None,
) -> lazai.TrainedAdapter:
    return await _cancellable(base.train, dataset, settings, folder, on_progress=on_progress)


async def generate(
    base: lazai.BaseModel,
    messages: Sequence[lazai.Message],
    adapter: AnyPath | None = None,
    settings: lazai.ReplySettings | None = None,
) -> str:
    return await asyncio.to_thread(base.generate, messages, adapter, settings)


async def fine_tune(
    exex: lazai.ExEx,
    submission: str,
    base: lazai.BaseModel,
    settings: lazai.TrainingSettings,
    terms: lazai.ModelTerms,
    on_progress: OnProgress = None,
) -> lazai.MintedModel:
    return await _cancellable(exex.fine_tune, submission, base, settings, terms, on_progress=on_progress)


class Session:
    """A session with a character at a node: ``async with`` ends it, ``async for`` hears a reply piece by piece."""

    def __init__(self, session: lazai.Session) -> None:
        self._session = session

    async def say(self, text: str, settings: lazai.ReplySettings | None = None) -> lazai.ChatTurn:
        """Says something, hears the reply, checks it and pays for it."""
        return await asyncio.to_thread(self._session.say, text, settings)

    def stream(self, text: str, settings: lazai.ReplySettings | None = None) -> AsyncIterator[str]:
        """Says something and gives the reply piece by piece; it ends when the reply is checked and paid."""
        return _pieces(lambda hear: self._session.say(text, settings, hear))

    async def speak(
        self,
        text: str,
        speed_milli: int | None = None,
        most: int | None = None,
        on_sound: Callable[[bytes, int], object] | None = None,
    ) -> lazai.Spoken:
        """Has a text spoken, checks the sound and pays for it; ``on_sound`` is called in another thread, phrase by phrase."""
        return await asyncio.to_thread(self._session.speak, text, speed_milli, most, on_sound)

    @property
    def id(self) -> str:
        """The session's id on the ledger."""
        return self._session.id

    @property
    def owed(self) -> int:
        """What is owed for the session so far, in base units."""
        return self._session.owed

    @property
    def receipts(self) -> list[lazai.SignedReceipt]:
        """The node's receipts, one for each reply: copies."""
        return self._session.receipts

    def to_json(self) -> str:
        """The conversation with its receipts: for ``Market.talk_on``, and as evidence."""
        return self._session.to_json()

    def recount_with(self, counter: lazai.TokenCounter) -> None:
        """Has every receipt from now on recounted, rather than held to bounds."""
        self._session.recount_with(counter)

    async def end(self) -> int:
        """Ends the session together with the node, after a reply that is under way; gives what is left of the deposit."""
        return await asyncio.to_thread(self._session.end)

    async def take_back(self) -> int | None:
        """Takes back what is left of the deposit without the node, in two steps: see ``lazai.Session.take_back``."""
        return await asyncio.to_thread(self._session.take_back)

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *reason: Any) -> None:
        await asyncio.to_thread(self._session.__exit__, *reason)


async def talk(
    market: lazai.Market, node: str, signer: lazai.Signer, deposit: int, model: str | None = None, system: str | None = None
) -> Session:
    """Opens a session at a node: see ``Market.talk``. Goes on with one: ``Session(market.talk_on(...))``."""
    return Session(await asyncio.to_thread(market.talk, node, signer, deposit, model, system))


def stream(
    chat: lazai.Chat, text: str, settings: lazai.ReplySettings, node: lazai.NodeClient
) -> AsyncIterator[str]:
    """Says something and gives the reply piece by piece; it ends when the reply is checked and promised."""
    return _pieces(lambda hear: chat.say(text, settings, node, hear))


async def _pieces(say: Callable[[Callable[[str], None]], Any]) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(piece: str | None) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    def talk() -> None:
        try:
            say(hear)
        finally:
            hear(None)

    talking = asyncio.ensure_future(asyncio.to_thread(talk))
    while (piece := await pieces.get()) is not None:
        yield piece
    await talking
