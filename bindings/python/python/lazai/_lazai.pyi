"""
The compiled part of the package `lazai`.
"""

from _typeshed import SupportsGetItem
from typing import Any, Final, SupportsFloat, SupportsIndex, final

@final
class Blocklist:
    """
    The characters that somebody does not want to see.
    """
    def block(self, /, class_id: SupportsIndex) -> None:
        """
        Blocks a character, all versions of it.
        """
    @staticmethod
    def from_json(json: str) -> Blocklist:
        """
        A list, as `to_json` gave it; `[]` is an empty one.
        """
    def is_blocked(self, /, class_id: SupportsIndex) -> bool:
        """
        Whether a character is blocked.
        """
    def to_json(self, /) -> str:
        """
        The list: JSON.
        """
    def unblock(self, /, class_id: SupportsIndex) -> None:
        """
        Takes that back.
        """

@final
class Character:
    """
    A character, out of a card of any format.
    """
    def creator(self, /) -> str:
        """
        Who made the card.
        """
    @staticmethod
    def from_bytes(bytes: SupportsGetItem[int, SupportsIndex]) -> Character:
        """
        Reads a card.
        """
    def greeting(self, /, index: SupportsIndex, user: str) -> str | None:
        """
        First message: 0 is the card's own, then come the alternate ones.
        """
    def lorebook_entries(self, /) -> int:
        """
        Entries of its lorebook.
        """
    def name(self, /) -> str:
        """
        What it is called.
        """
    def notes(self, /) -> list[FileNote]:
        """
        What was dropped, merged or repaired when the card was read.
        """
    def system_prompt(self, /, user: str) -> str:
        """
        Description, personality and scenario, for somebody of a name.
        """
    def tags(self, /) -> list[str]:
        """
        Words to find it by.
        """
    def to_png(self, /, image: SupportsGetItem[int, SupportsIndex]) -> bytes:
        """
        The card inside a PNG image.
        """
    def to_v2_json(self, /) -> str:
        """
        The card as JSON of version 2.
        """
    def to_v3_json(self, /) -> str:
        """
        The card as JSON of version 3.
        """

@final
class CharacterReport:
    """
    A consumer's report of a character.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, session: str, class_id: SupportsIndex, version: SupportsIndex, concern: str, words: str, reported_at_s: SupportsIndex) -> CharacterReport: ...
    @property
    def class_id(self, /) -> int:
        """
        The class that was served.
        """
    @property
    def concern(self, /) -> str:
        """
        `harmful`, `illegal`, `impersonation`, `infringing` or `other`.
        """
    @property
    def reported_at_s(self, /) -> int:
        """
        When, seconds since 1970.
        """
    @property
    def session(self, /) -> str:
        """
        The session in which it spoke.
        """
    @property
    def version(self, /) -> int:
        """
        The version that was served.
        """
    @property
    def words(self, /) -> str:
        """
        What happened: at most 2,000 bytes.
        """

@final
class Chat:
    """
    A conversation in a session that was opened.
    """
    def __new__(cls, conversation: str, domain: Domain, signer: Any) -> Chat:
        """
        A conversation, as `to_json` gave it or as the session began.
        """
    def ask(self, /, messages: SupportsGetItem[int, Message], settings: ReplySettings) -> HttpRequest:
        """
        Signs a request for the next reply; `messages` are the whole conversation.
        """
    def finish(self, /) -> ChatTurn:
        """
        Checks the reply that was heard against what was asked and agreed, and signs for it.
        """
    def hear(self, /, bytes: SupportsGetItem[int, SupportsIndex]) -> list[str]:
        """
        Takes bytes of the answer's body as they come; gives the pieces of text that they complete.
        """
    def messages(self, /) -> list[Message]:
        """
        What was said.
        """
    def owed(self, /) -> str:
        """
        What is owed for the session so far, in base units.
        """
    def paid(self, /) -> None:
        """
        Tells that the node has the payment.
        """
    def refusal(self, /, status: SupportsIndex, body: SupportsGetItem[int, SupportsIndex]) -> BaseException:
        """
        What a node answered instead, with a status that is no success.
        """
    def say(self, /, text: str, settings: ReplySettings, node: NodeClient, on_text: Any | None = None) -> ChatTurn:
        """
        Says something, hears the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`.
        """
    def to_json(self, /) -> str:
        """
        The conversation: to be kept, and shown as evidence.
        """

@final
class ChatTurn:
    """
    A reply that was checked.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, text: str, prompt_tokens: SupportsIndex, completion_tokens: SupportsIndex, owed: str, payment: HttpRequest | None) -> ChatTurn: ...
    @property
    def completion_tokens(self, /) -> int:
        """
        Tokens of the reply.
        """
    @property
    def owed(self, /) -> str:
        """
        What is owed for the session by now, in base units.
        """
    @property
    def payment(self, /) -> HttpRequest | None:
        """
        Pays for it: to be sent to the node. None in a session paid by quota.
        """
    @property
    def prompt_tokens(self, /) -> int:
        """
        Tokens of the conversation before it.
        """
    @property
    def text(self, /) -> str:
        """
        What is said.
        """

@final
class ContributorFacts:
    """
    What a proof shows of one contributor's part, and whose she says it is.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, address: str, records: SupportsIndex, tokens: SupportsIndex, root: str) -> ContributorFacts: ...
    @property
    def address(self, /) -> str:
        """
        Her account, as the creator declares it.
        """
    @property
    def records(self, /) -> int:
        """
        How many records are hers.
        """
    @property
    def root(self, /) -> str:
        """
        Root of the tree over her records.
        """
    @property
    def tokens(self, /) -> int:
        """
        How many tokens they have.
        """

@final
class ContributorTerms:
    """
    Whose dialogues they are, and on which terms.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, address: str, name: str, licence: str, consent: str) -> ContributorTerms: ...
    @property
    def address(self, /) -> str:
        """
        Her account.
        """
    @property
    def consent(self, /) -> str:
        """
        What she consents to, in her words.
        """
    @property
    def licence(self, /) -> str:
        """
        SPDX identifier of the licence she gives.
        """
    @property
    def name(self, /) -> str:
        """
        A name to show.
        """

@final
class DatasetFacts:
    """
    A dataset that was written.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, records: SupportsIndex, tokens: SupportsIndex, held_out: SupportsIndex, notes: SupportsGetItem[int, FileNote]) -> DatasetFacts: ...
    @property
    def held_out(self, /) -> int:
        """
        Dialogues that were held out for measuring.
        """
    @property
    def notes(self, /) -> list[FileNote]:
        """
        What was dropped, merged or repaired.
        """
    @property
    def records(self, /) -> int:
        """
        Records.
        """
    @property
    def tokens(self, /) -> int:
        """
        Tokens of all records.
        """

@final
class Domain:
    """
    What a signature is for: an EIP-712 domain, that of the ledger.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, name: str, version: str, chain_id: SupportsIndex, verifying_contract: str, salt: str | None) -> Domain: ...
    @property
    def chain_id(self, /) -> int:
        """
        EIP-155 chain id.
        """
    @property
    def name(self, /) -> str:
        """
        Name of the application.
        """
    @property
    def salt(self, /) -> str | None:
        """
        The field `salt`, where the domain has one: that of an embedded ledger does.
        """
    @property
    def verifying_contract(self, /) -> str:
        """
        The contract that checks the signature.
        """
    @property
    def version(self, /) -> str:
        """
        Version of its signed types.
        """

@final
class FileFacts:
    """
    What a file is and holds.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, kind: str, name: str | None, spec: str, container: str | None, lorebook_entries: SupportsIndex, assets: SupportsIndex, dialogues: SupportsIndex, turns: SupportsIndex, audio_seconds: SupportsFloat | SupportsIndex, tokens: SupportsIndex, dropped: SupportsGetItem[int, FileNote], changed: SupportsGetItem[int, FileNote]) -> FileFacts: ...
    @property
    def assets(self, /) -> int:
        """
        Files that a card names or carries; recordings of a list or a dataset.
        """
    @property
    def audio_seconds(self, /) -> float:
        """
        Seconds of sound.
        """
    @property
    def changed(self, /) -> list[FileNote]:
        """
        What was merged or repaired.
        """
    @property
    def container(self, /) -> str | None:
        """
        What the format came in, where there is a choice.
        """
    @property
    def dialogues(self, /) -> int:
        """
        Conversations; of a dataset, records.
        """
    @property
    def dropped(self, /) -> list[FileNote]:
        """
        What was left out, and why.
        """
    @property
    def kind(self, /) -> str:
        """
        `character`, `lorebook`, `dialogue`, `audio`, `voice_manifest` or `pov`.
        """
    @property
    def lorebook_entries(self, /) -> int:
        """
        Entries of lorebooks.
        """
    @property
    def name(self, /) -> str | None:
        """
        Name of the character, of the lorebook, or of a dataset's first contributor.
        """
    @property
    def spec(self, /) -> str:
        """
        Name of the format.
        """
    @property
    def tokens(self, /) -> int:
        """
        Tokens of a dataset.
        """
    @property
    def turns(self, /) -> int:
        """
        Messages of these conversations.
        """

@final
class FileNote:
    """
    Something that an importer dropped, merged or repaired.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, action: str, place: str, reason: str) -> FileNote: ...
    @property
    def action(self, /) -> str:
        """
        `dropped`, `merged` or `repaired`.
        """
    @property
    def place(self, /) -> str:
        """
        Where.
        """
    @property
    def reason(self, /) -> str:
        """
        Why.
        """

@final
class Header:
    """
    A header of a request.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, name: str, value: str) -> Header: ...
    @property
    def name(self, /) -> str:
        """
        Its name.
        """
    @property
    def value(self, /) -> str:
        """
        Its value.
        """

@final
class HttpRequest:
    """
    A request to a node: `POST`, to be sent as it is.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, path: str, headers: SupportsGetItem[int, Header], body: str) -> HttpRequest: ...
    @property
    def body(self, /) -> str:
        """
        The body, JSON.
        """
    @property
    def headers(self, /) -> list[Header]:
        """
        Headers.
        """
    @property
    def path(self, /) -> str:
        """
        Path under the node's URL.
        """

@final
class LocalKey:
    """
    A key in this process's memory: wiped when dropped, never printed.
    """
    def address(self, /) -> str:
        """
        Its address.
        """
    @staticmethod
    def from_hex(secret: str) -> LocalKey:
        """
        The key with these 32 bytes, as hex.
        """
    @staticmethod
    def from_keystore(path: str, password: str) -> LocalKey:
        """
        The key in a keystore file (version 3).
        """
    @staticmethod
    def random() -> LocalKey:
        """
        A fresh key.
        """
    def sign_digest(self, /, digest: str) -> str:
        """
        Signs any 32 bytes, as hex.
        """

@final
class Market:
    """
    A market on a ledger. A context manager: the ledger is closed at its end.
    """
    def __enter__(self, /) -> Market: ...
    def __exit__(self, /, *_reason: Any) -> None: ...
    def balance(self, /, account: str, asset: str) -> str:
        """
        What an account has of an asset (zero address: coins), in base units.
        """
    def domain(self, /) -> Domain:
        """
        The domain of everything that is signed for it.
        """
    def ledger_id(self, /) -> str:
        """
        The ledger's id.
        """
    @staticmethod
    def on_chain(url: str, deployment: str, outbox: str | None = None, depth_blocks: SupportsIndex = 12) -> Market:
        """
        The market on an EVM chain.
        """
    @staticmethod
    def open_folder(folder: str) -> Market:
        """
        The market in a folder. One process at a time.
        """
    def open_session(self, /, payer: Any, consumer: Any, nonce: SupportsIndex, model: ModelOffer, deposit: str) -> str:
        """
        Opens a session as its payer; gives the conversation, as `Chat` takes it.
        """
    def propose_split(self, /, voter: Any, label: str, creator_bps: SupportsIndex, node_bps: SupportsIndex, pool_bps: SupportsIndex) -> int | None:
        """
        Proposes another split, in basis points; gives the proposal's number.
        """
    def split(self, /, amount: str) -> RevenueParts:
        """
        The split of revenue that binds sessions opened now, for an amount.
        """
    def vote(self, /, voter: Any, proposal: SupportsIndex, in_favour: bool) -> None:
        """
        Votes on a proposal.
        """

@final
class Message:
    """
    A message of a conversation.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, role: str, content: str) -> Message: ...
    @property
    def content(self, /) -> str:
        """
        What is said.
        """
    @property
    def role(self, /) -> str:
        """
        `system`, `user` or `assistant`.
        """

@final
class ModelOffer:
    """
    A character that a node offers.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, id: str, name: str | None, offer: Offer, signature: str) -> ModelOffer: ...
    @property
    def id(self, /) -> str:
        """
        Its name among the node's models.
        """
    @property
    def name(self, /) -> str | None:
        """
        The character's name, as the node tells it.
        """
    @property
    def offer(self, /) -> Offer:
        """
        The offer.
        """
    @property
    def signature(self, /) -> str:
        """
        The node's signature of it.
        """

@final
class NodeClient:
    """
    A node behind a URL.
    """
    def __new__(cls, url: str) -> NodeClient:
        """
        A node at a URL; nothing is asked yet.
        """
    def models(self, /) -> list[ModelOffer]:
        """
        The characters that it offers.
        """

@final
class Offer:
    """
    What a node asks for serving a version of a class.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, node: str, class_id: SupportsIndex, version: SupportsIndex, asset: str, prompt_price: str, completion_price: str, prompt_ceiling: SupportsIndex, completion_ceiling: SupportsIndex, session_s: SupportsIndex, valid_until_s: SupportsIndex) -> Offer: ...
    @property
    def asset(self, /) -> str:
        """
        Address of what prices are in; zero for coins.
        """
    @property
    def class_id(self, /) -> int:
        """
        The class it serves.
        """
    @property
    def completion_ceiling(self, /) -> int:
        """
        Most tokens of a reply.
        """
    @property
    def completion_price(self, /) -> str:
        """
        Price of one token of a reply, in base units.
        """
    @property
    def node(self, /) -> str:
        """
        The node's address.
        """
    @property
    def prompt_ceiling(self, /) -> int:
        """
        Most tokens of a conversation before a reply.
        """
    @property
    def prompt_price(self, /) -> str:
        """
        Price of one token of the conversation before a reply, in base units.
        """
    @property
    def session_s(self, /) -> int:
        """
        How long a session lasts, in seconds.
        """
    @property
    def valid_until_s(self, /) -> int:
        """
        Sessions may be opened under it up to this time, seconds since 1970.
        """
    @property
    def version(self, /) -> int:
        """
        The version it serves.
        """

@final
class Progress:
    """
    How far something is.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, stage: str, done: SupportsIndex, total: SupportsIndex) -> Progress: ...
    @property
    def done(self, /) -> int:
        """
        How much of it is done.
        """
    @property
    def stage(self, /) -> str:
        """
        What is being done.
        """
    @property
    def total(self, /) -> int:
        """
        How much there is; 0 where that is not known.
        """

@final
class ProofFacts:
    """
    What a proof that holds says of a dataset.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, ledger: str, submitter: str, submission: str, root: str, records: SupportsIndex, tokens: SupportsIndex, vocab_size: SupportsIndex, contributors: SupportsGetItem[int, ContributorFacts]) -> ProofFacts: ...
    @property
    def contributors(self, /) -> list[ContributorFacts]:
        """
        Each contributor's part.
        """
    @property
    def ledger(self, /) -> str:
        """
        The ledger that it is bound to.
        """
    @property
    def records(self, /) -> int:
        """
        How many records there are, no two alike.
        """
    @property
    def root(self, /) -> str:
        """
        Root over all records.
        """
    @property
    def submission(self, /) -> str:
        """
        The submission it belongs to.
        """
    @property
    def submitter(self, /) -> str:
        """
        Who submits it.
        """
    @property
    def tokens(self, /) -> int:
        """
        How many tokens they have together.
        """
    @property
    def vocab_size(self, /) -> int:
        """
        Every token id is below this.
        """

@final
class ProofFiles:
    """
    A proof that was written.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, statement: str, proof: str, root: str, submission: str) -> ProofFiles: ...
    @property
    def proof(self, /) -> str:
        """
        The file of the proof.
        """
    @property
    def root(self, /) -> str:
        """
        Root over all records.
        """
    @property
    def statement(self, /) -> str:
        """
        The file of the statement.
        """
    @property
    def submission(self, /) -> str:
        """
        The submission that it is bound to.
        """

@final
class Provenance:
    """
    Where a reply comes from.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, holds: bool, links: SupportsGetItem[int, ProvenanceLink]) -> Provenance: ...
    @property
    def holds(self, /) -> bool:
        """
        Whether no link is broken.
        """
    @property
    def links(self, /) -> list[ProvenanceLink]:
        """
        The links, from the ledger to the split.
        """

@final
class ProvenanceLink:
    """
    One link of a reply's provenance.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, name: str, trust: TrustLevel, says: str, not_said: str) -> ProvenanceLink: ...
    @property
    def name(self, /) -> str:
        """
        Its name.
        """
    @property
    def not_said(self, /) -> str:
        """
        What it does not say.
        """
    @property
    def says(self, /) -> str:
        """
        What it says, or why it is broken.
        """
    @property
    def trust(self, /) -> TrustLevel:
        """
        On what it rests.
        """

@final
class Receipt:
    """
    What a node says it did for one reply.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, session: str, turn: SupportsIndex, request_digest: str, reply_digest: str, prompt_tokens: SupportsIndex, completion_tokens: SupportsIndex, tokenizer_digest: str, temperature_milli: SupportsIndex, top_p_milli: SupportsIndex, seed: SupportsIndex, base_digest: str, adapter_digest: str, cumulative: str) -> Receipt: ...
    @property
    def adapter_digest(self, /) -> str:
        """
        SHA-256 of the adapter that the node says it used: claimed, not proved.
        """
    @property
    def base_digest(self, /) -> str:
        """
        SHA-256 of the base model that the node says it used.
        """
    @property
    def completion_tokens(self, /) -> int:
        """
        Tokens of the reply.
        """
    @property
    def cumulative(self, /) -> str:
        """
        What is owed for the session, this reply included, in base units.
        """
    @property
    def prompt_tokens(self, /) -> int:
        """
        Tokens of the conversation before the reply.
        """
    @property
    def reply_digest(self, /) -> str:
        """
        Salted digest of the reply.
        """
    @property
    def request_digest(self, /) -> str:
        """
        Salted digest of the conversation before the reply.
        """
    @property
    def seed(self, /) -> int:
        """
        Seed of the sampler.
        """
    @property
    def session(self, /) -> str:
        """
        The session.
        """
    @property
    def temperature_milli(self, /) -> int:
        """
        Temperature in thousandths.
        """
    @property
    def tokenizer_digest(self, /) -> str:
        """
        Digest of the tokenizer that counted.
        """
    @property
    def top_p_milli(self, /) -> int:
        """
        Nucleus in thousandths.
        """
    @property
    def turn(self, /) -> int:
        """
        Which reply of the session, from 1.
        """

@final
class ReplySettings:
    """
    How a reply is wanted; what is left out is the node's choice.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, max_tokens: SupportsIndex | None, temperature_milli: SupportsIndex | None, top_p_milli: SupportsIndex | None, seed: SupportsIndex | None) -> ReplySettings: ...
    @property
    def max_tokens(self, /) -> int | None:
        """
        Most tokens of the reply.
        """
    @property
    def seed(self, /) -> int | None:
        """
        A number that varies the reply.
        """
    @property
    def temperature_milli(self, /) -> int | None:
        """
        Temperature in thousandths.
        """
    @property
    def top_p_milli(self, /) -> int | None:
        """
        Nucleus in thousandths.
        """

@final
class RevenueParts:
    """
    An amount in three parts, which sum to it exactly. Base units.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, creator: str, node: str, pool: str) -> RevenueParts: ...
    @property
    def creator(self, /) -> str:
        """
        For the creator's class.
        """
    @property
    def node(self, /) -> str:
        """
        For the node that served.
        """
    @property
    def pool(self, /) -> str:
        """
        For the governance pool.
        """

@final
class SigningRequest:
    """
    What a signer is asked for; enough for a wallet to show its user what it is about.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, digest: str, encode_type: str, struct_hash: str) -> SigningRequest: ...
    @property
    def digest(self, /) -> str:
        """
        The 32 bytes to sign, as hex: Keccak-256 of domain and struct (EIP-712).
        """
    @property
    def encode_type(self, /) -> str:
        """
        `encodeType` of the value, such as `Voucher(bytes32 session,…)`; empty for a transaction.
        """
    @property
    def struct_hash(self, /) -> str:
        """
        `hashStruct` of the value; empty for a transaction.
        """

@final
class TrustLevel:
    """
    On what a link rests.
    """
    ATTESTED: Final[TrustLevel]
    """
    A quorum signed it.
    """
    BROKEN: Final[TrustLevel]
    """
    It does not hold.
    """
    CLAIMED: Final[TrustLevel]
    """
    One party signed it.
    """
    PROVED: Final[TrustLevel]
    """
    A verifier checked it, here and now.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __int__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...

@final
class Voucher:
    """
    A promise to pay: the sum of all replies of a session so far.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, session: str, node: str, class_id: SupportsIndex, version: SupportsIndex, cumulative: str) -> Voucher: ...
    @property
    def class_id(self, /) -> int:
        """
        The class that is served.
        """
    @property
    def cumulative(self, /) -> str:
        """
        What is owed so far, in base units.
        """
    @property
    def node(self, /) -> str:
        """
        The node that may redeem it.
        """
    @property
    def session(self, /) -> str:
        """
        The session.
        """
    @property
    def version(self, /) -> int:
        """
        The version that is served.
        """

def check_offer(domain: Domain, offer: Offer, signature: str) -> None:
    """
    Checks that an offer is signed by its node.
    """

def check_receipt(domain: Domain, receipt: Receipt, signature: str, node: str) -> None:
    """
    Checks that a receipt is signed by a node.
    """

def check_voucher(domain: Domain, voucher: Voucher, signature: str, signer: str) -> None:
    """
    Checks that a voucher is signed by an account.
    """

def error_codes() -> list[str]:
    """
    Every code that this library gives an error.
    """

def inspect_file(path: str) -> FileFacts:
    """
    Says what a file is and holds, told by its content.
    """

def library_version() -> str:
    """
    The version of the library.
    """

def offer_step(offer: Offer) -> str:
    """
    The most that one reply under an offer can cost, in base units.
    """

def prepare_dataset(files: SupportsGetItem[int, str], contributor: ContributorTerms, base_model: str, out: str, on_progress: Any | None = None) -> DatasetFacts:
    """
    Makes a dataset of dialogues in files of any known format. `on_progress(progress)` cancels by `False`.
    """

def prove_dataset(dataset: str, public_part: str | None, ledger: str, submitter: str, nonce: SupportsIndex, folder: str, on_progress: Any | None = None) -> ProofFiles:
    """
    Proves a dataset in zero knowledge. `on_progress(progress)` cancels by `False`; the same call goes on.
    """

def read_models(body: SupportsGetItem[int, SupportsIndex]) -> list[ModelOffer]:
    """
    The models in a node's answer to `GET /v1/models`.
    """

def report_character(domain: Domain, report: CharacterReport, signer: Any) -> HttpRequest:
    """
    Signs a report, as the session's consumer; gives the request that takes it to the node.
    """

def run_command(arguments: SupportsGetItem[int, str]) -> int:
    """
    Does what a command line says; gives the exit code.
    """

def session_id(ledger: str, payer: str, nonce: SupportsIndex, consumer: str, offer: Offer) -> str:
    """
    The id of a session that a payer opens under a number of hers.
    """

def sign_offer(domain: Domain, offer: Offer, signer: Any) -> str:
    """
    Signs an offer, as its node.
    """

def sign_receipt(domain: Domain, receipt: Receipt, signer: Any) -> str:
    """
    Signs a receipt, as the node.
    """

def sign_voucher(domain: Domain, voucher: Voucher, signer: Any) -> str:
    """
    Signs a voucher, as the session's consumer.
    """

def split_revenue(amount: str, creator_bps: SupportsIndex, node_bps: SupportsIndex, pool_bps: SupportsIndex) -> RevenueParts:
    """
    Splits an amount of base units as the market does.
    """

def verifier_key() -> str:
    """
    Digest of the verifier's key that this library has.
    """

def verify_evidence(evidence: SupportsGetItem[int, SupportsIndex], anchor: SupportsGetItem[int, SupportsIndex]) -> Provenance:
    """
    Checks where a reply comes from: evidence against an anchor that the caller has from elsewhere.
    """

def verify_proof(statement: SupportsGetItem[int, SupportsIndex], proof: SupportsGetItem[int, SupportsIndex]) -> ProofFacts:
    """
    Verifies a proof of a dataset, and says what it shows.
    """

def voucher_digest(domain: Domain, voucher: Voucher) -> str:
    """
    The 32 bytes of a voucher that are signed (EIP-712), as hex.
    """

def voucher_typed_data(domain: Domain, voucher: Voucher) -> str:
    """
    A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
    """

class LazaiError(Exception):
    """
    Why something did not happen: `code` does not change, `message` may.
    """
    code: str
    message: str
