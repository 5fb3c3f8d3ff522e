"""
The compiled part of the package `lazai`.
"""

from _typeshed import SupportsGetItem
from typing import Any, Final, SupportsFloat, SupportsIndex, final

@final
class AccessTerms:
    """
    The audience of a character, and the consent to use its material.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, rating: str, minimum_age: SupportsIndex, payment: str, consent: str, report_contact: str) -> AccessTerms: ...
    @property
    def consent(self, /) -> str:
        """
        The consent under which real persons' words and voices are used.
        """
    @property
    def minimum_age(self, /) -> int:
        """
        Minimum age in years; the application that opens a session answers for it.
        """
    @property
    def payment(self, /) -> str:
        """
        The means of payment for a session: `gas`, `quota` or `gas_or_quota`.
        """
    @property
    def rating(self, /) -> str:
        """
        `general`, `teen` or `mature`.
        """
    @property
    def report_contact(self, /) -> str:
        """
        The contact for reports of misuse.
        """

@final
class AdapterFacts:
    """
    An adapter's properties.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, digest: str, base_digest: str, rank: SupportsIndex, alpha: SupportsIndex, rank_stabilised: bool, parameters: SupportsIndex) -> AdapterFacts: ...
    @property
    def alpha(self, /) -> int:
        """
        Its scale: the update is multiplied by `alpha / rank`, or `alpha / sqrt(rank)`.
        """
    @property
    def base_digest(self, /) -> str:
        """
        SHA-256 of the base model it is for.
        """
    @property
    def digest(self, /) -> str:
        """
        SHA-256 of its weights.
        """
    @property
    def parameters(self, /) -> int:
        """
        Numbers that were learnt.
        """
    @property
    def rank(self, /) -> int:
        """
        Rank of the update.
        """
    @property
    def rank_stabilised(self, /) -> bool:
        """
        True if it is rank-stabilised (arXiv:2312.03732).
        """

@final
class BaseModel:
    """
    A base model in memory.
    """
    def adapter(self, /, folder: str) -> AdapterFacts:
        """
        The properties of an adapter in a folder of PEFT's files; it must be for this model.
        """
    def digest(self, /) -> str:
        """
        SHA-256 of its file.
        """
    def generate(self, /, messages: SupportsGetItem[int, Message], adapter: str | None = None, settings: ReplySettings | None = None, on_text: Any | None = None) -> str:
        """
        Answers a conversation, without any market: the bare model, or with an adapter in a folder of PEFT's files. Gives the
        reply; `on_text(piece)` stops it by `False`.
        """
    def name(self, /) -> str:
        """
        The name in its file.
        """
    @staticmethod
    def open(path: str) -> BaseModel:
        """
        Reads a GGUF file, or a folder as Hugging Face has them.
        """
    def train(self, /, dataset: str, settings: TrainingSettings, folder: str, on_progress: Any | None = None) -> TrainedAdapter:
        """
        Fine-tunes it on a dataset, and writes the adapter in PEFT's files. `on_progress(progress)` cancels by `False`; the
        same call continues.
        """

@final
class Blocklist:
    """
    A consumer's list of blocked characters.
    """
    def block(self, /, class_id: SupportsIndex) -> None:
        """
        Blocks a character, all versions of it.
        """
    @staticmethod
    def from_json(json: str) -> Blocklist:
        """
        A list from `to_json`; `[]` is an empty one.
        """
    def is_blocked(self, /, class_id: SupportsIndex) -> bool:
        """
        Tells whether a character is blocked.
        """
    def to_json(self, /) -> str:
        """
        The list as JSON.
        """
    def unblock(self, /, class_id: SupportsIndex) -> None:
        """
        Unblocks a character.
        """

@final
class Character:
    """
    A character, out of a card of any format.
    """
    def creator(self, /) -> str:
        """
        The author of the card.
        """
    @staticmethod
    def from_bytes(bytes: SupportsGetItem[int, SupportsIndex]) -> Character:
        """
        Reads a card.
        """
    def examples(self, /, user: str) -> str:
        """
        The part of the system prompt with examples of the character's speech.
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
        The character's name.
        """
    def notes(self, /) -> list[FileNote]:
        """
        Notes on data that was dropped, merged or repaired when the card was read.
        """
    def persona(self, /, user: str) -> str:
        """
        The part of the system prompt about the character: description, personality and scenario.
        """
    def system_prompt(self, /, user: str) -> str:
        """
        The words before a conversation, as its system message (a node adds none): the card's system prompt, lore that is
        always there, who the character is, examples, and what comes after the conversation.
        """
    def tags(self, /) -> list[str]:
        """
        Search words.
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
        The time of the report, seconds since 1970.
        """
    @property
    def session(self, /) -> str:
        """
        The session in which the character spoke.
        """
    @property
    def version(self, /) -> int:
        """
        The version that was served.
        """
    @property
    def words(self, /) -> str:
        """
        A description: at most 2,000 bytes.
        """

@final
class Chat:
    """
    A conversation in an open session.
    """
    def __new__(cls, /, conversation: str, domain: Domain, signer: Any) -> Chat:
        """
        A conversation, from `to_json` or as the session began.
        """
    def ask(self, /, messages: SupportsGetItem[int, Message], settings: ReplySettings) -> HttpRequest:
        """
        Signs a request for the next reply; `messages` are the whole conversation.
        """
    def finish(self, /) -> ChatTurn:
        """
        Checks the received reply against request and offer, and signs its payment.
        """
    def hear(self, /, bytes: SupportsGetItem[int, SupportsIndex]) -> list[str]:
        """
        Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
        """
    def messages(self, /) -> list[Message]:
        """
        The messages so far.
        """
    def owed(self, /) -> str:
        """
        The amount owed for the session so far, in base units.
        """
    def paid(self, /) -> None:
        """
        Notes that the node has the payment.
        """
    def recount_with(self, /, counter: TokenCounter) -> None:
        """
        Recounts every receipt from now on, instead of only holding it to bounds.
        """
    def refusal(self, /, status: SupportsIndex, body: SupportsGetItem[int, SupportsIndex]) -> BaseException:
        """
        The node's error, from an answer without a success status.
        """
    def say(self, /, text: str, settings: ReplySettings, node: NodeClient, on_text: Any | None = None) -> ChatTurn:
        """
        Sends a message, receives the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`.
        """
    def to_json(self, /) -> str:
        """
        The conversation, to be kept, and shown as evidence.
        """

@final
class ChatTurn:
    """
    A reply that was checked.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, text: str, prompt_tokens: SupportsIndex, completion_tokens: SupportsIndex, owed: str, token_check: TokenCheck, model_checked: bool, payment: HttpRequest | None) -> ChatTurn: ...
    @property
    def completion_tokens(self, /) -> int:
        """
        Tokens of the reply.
        """
    @property
    def model_checked(self, /) -> bool:
        """
        True if base and adapter are those that the ledger names for the version; otherwise only the node claims them.
        """
    @property
    def owed(self, /) -> str:
        """
        The amount owed for the session by now, in base units.
        """
    @property
    def payment(self, /) -> HttpRequest | None:
        """
        The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        owed.
        """
    @property
    def prompt_tokens(self, /) -> int:
        """
        Tokens of the conversation before it.
        """
    @property
    def text(self, /) -> str:
        """
        The reply's text.
        """
    @property
    def token_check(self, /) -> TokenCheck:
        """
        The check of its token counts.
        """

@final
class ContributorFacts:
    """
    A proof's facts about one contributor's part, and the address that the creator declares for it.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, address: str, records: SupportsIndex, tokens: SupportsIndex, root: str) -> ContributorFacts: ...
    @property
    def address(self, /) -> str:
        """
        The contributor's account, as the creator declares it.
        """
    @property
    def records(self, /) -> int:
        """
        The number of the contributor's records.
        """
    @property
    def root(self, /) -> str:
        """
        Root of the tree over the contributor's records.
        """
    @property
    def tokens(self, /) -> int:
        """
        The number of their tokens.
        """

@final
class ContributorTerms:
    """
    A contributor of dialogues, and its terms.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, address: str, name: str, licence: str, consent: str) -> ContributorTerms: ...
    @property
    def address(self, /) -> str:
        """
        The contributor's account.
        """
    @property
    def consent(self, /) -> str:
        """
        The contributor's consent, in words.
        """
    @property
    def licence(self, /) -> str:
        """
        SPDX identifier of the contributor's licence.
        """
    @property
    def name(self, /) -> str:
        """
        A name to show.
        """

@final
class DatFacts:
    """
    The metadata of a version of a class; its digest is ERC-8028's `integrityHash`.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, class_id: SupportsIndex, version: SupportsIndex, character: str, base_name: str, base_digest: str, base_licence: str, adapter_digest: str, record_digest: str, submission: str, exex: str, access: AccessTerms, endpoints: SupportsGetItem[int, str], integrity_hash: str, withdrawn: bool) -> DatFacts: ...
    @property
    def access(self, /) -> AccessTerms:
        """
        The access terms.
        """
    @property
    def adapter_digest(self, /) -> str:
        """
        SHA-256 of the adapter's weights.
        """
    @property
    def base_digest(self, /) -> str:
        """
        SHA-256 of the base model.
        """
    @property
    def base_licence(self, /) -> str:
        """
        SPDX identifier of its licence.
        """
    @property
    def base_name(self, /) -> str:
        """
        Public name of the base model.
        """
    @property
    def character(self, /) -> str:
        """
        The character's name.
        """
    @property
    def class_id(self, /) -> int:
        """
        The class.
        """
    @property
    def endpoints(self, /) -> list[str]:
        """
        The URLs that serve it.
        """
    @property
    def exex(self, /) -> str:
        """
        The execution node that trained it.
        """
    @property
    def integrity_hash(self, /) -> str:
        """
        Digest of the version's metadata.
        """
    @property
    def record_digest(self, /) -> str:
        """
        Digest of the signed training record.
        """
    @property
    def submission(self, /) -> str:
        """
        The submission that it was trained on.
        """
    @property
    def version(self, /) -> int:
        """
        The version.
        """
    @property
    def withdrawn(self, /) -> bool:
        """
        True if it takes no new sessions.
        """

@final
class DatasetFacts:
    """
    A dataset that was written.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, records: SupportsIndex, tokens: SupportsIndex, held_out: SupportsIndex, recordings: SupportsIndex, notes: SupportsGetItem[int, FileNote]) -> DatasetFacts: ...
    @property
    def held_out(self, /) -> int:
        """
        Dialogues that were held out for measuring.
        """
    @property
    def notes(self, /) -> list[FileNote]:
        """
        Notes on data that was dropped, merged or repaired.
        """
    @property
    def recordings(self, /) -> int:
        """
        Recordings of the character's voice.
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
    The scope of a signature: an EIP-712 domain, that of the ledger.
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
        The field `salt`, if the domain has one: that of an embedded ledger does.
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
class ExEx:
    """
    An execution node: follows the ledger, fine-tunes, mints.
    """
    def __new__(cls, /, market: Market, signer: Any, unsealing_secret: str, store: str, folder: str) -> ExEx:
        """
        An execution node on a market; its unsealing key is derived from 32 secret bytes, as hex.
        """
    def contact(self, /) -> ExExContact:
        """
        The contact that creators seal datasets to.
        """
    def fine_tune(self, /, submission: str, base: BaseModel, settings: TrainingSettings, terms: ModelTerms, on_progress: Any | None = None) -> MintedModel:
        """
        Decrypts a submission, fine-tunes on it, and mints the model. `on_progress(progress)` cancels by `False`; the same
        call continues.
        """
    def follow(self, /) -> list[str]:
        """
        Follows the ledger from its last position; returns the submissions that wait for a model.
        """

@final
class ExExContact:
    """
    An execution node that may open a dataset, and the key that data is sealed to.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, address: str, sealing_key: str) -> ExExContact: ...
    @property
    def address(self, /) -> str:
        """
        Its account.
        """
    @property
    def sealing_key(self, /) -> str:
        """
        Its public key (X25519).
        """

@final
class FileFacts:
    """
    A file's kind and contents.
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
        Data that was merged or repaired.
        """
    @property
    def container(self, /) -> str | None:
        """
        The container of the format, if it has several.
        """
    @property
    def dialogues(self, /) -> int:
        """
        Conversations; of a dataset, records.
        """
    @property
    def dropped(self, /) -> list[FileNote]:
        """
        Data that was left out, with the reasons.
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
        The place in the file.
        """
    @property
    def reason(self, /) -> str:
        """
        The reason.
        """

@final
class Founding:
    """
    The initial state of a market in a folder. Each validator and voter named has one vote.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, validators: SupportsGetItem[int, str], voters: SupportsGetItem[int, str], funds: SupportsGetItem[int, Funds]) -> Founding: ...
    @property
    def funds(self, /) -> list[Funds]:
        """
        Initial balances.
        """
    @property
    def validators(self, /) -> list[str]:
        """
        Accounts of the iDAO's validators.
        """
    @property
    def voters(self, /) -> list[str]:
        """
        Accounts of the DAO's voters.
        """

@final
class Funds:
    """
    An account's initial balance of an asset.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, account: str, asset: str, amount: str) -> Funds: ...
    @property
    def account(self, /) -> str:
        """
        The account.
        """
    @property
    def amount(self, /) -> str:
        """
        The amount, in base units.
        """
    @property
    def asset(self, /) -> str:
        """
        Address of the asset; zero for coins.
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
class Lineage:
    """
    The class that a model becomes a version of, and the version it comes after. Signatures and attestations name both:
    nobody can choose others, nor put a version in between.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, class_id: SupportsIndex, after: SupportsIndex | None, keep_bps: SupportsIndex) -> Lineage: ...
    @property
    def after(self, /) -> int | None:
        """
        The version that it comes after; none: the last one when it is submitted.
        """
    @property
    def class_id(self, /) -> int:
        """
        The class, which is the submitter's.
        """
    @property
    def keep_bps(self, /) -> int:
        """
        The part of its revenue that the version before keeps, in basis points: at most 5,000.
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
        The key of these 32 bytes, as hex.
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
    def to_keystore(self, /, folder: str, name: str, password: str) -> None:
        """
        Writes the key to a keystore file in a folder, under a name.
        """

@final
class Market:
    """
    A market on a ledger. A context manager: the ledger is closed at its end.
    """
    def __enter__(self, /) -> Market: ...
    def __exit__(self, /, *_reason: Any) -> None: ...
    def anchor(self, /, base_digest: str) -> str:
        """
        The trust anchor that this copy of the ledger gives now.
        """
    def refresh(self, /) -> None:
        """
        Reads what is new on the ledger.
        """
    def pending(self, /, validator: str) -> list[str]:
        """
        Submissions that wait for the verdict of a validator, an account.
        """
    def attest(self, /, validator: Any, store: str, submission: str) -> SubmissionFacts:
        """
        Verifies a submission as a validator, and attests it.
        """
    def balance(self, /, account: str, asset: str) -> str:
        """
        The balance of an account in an asset (zero address: coins), in base units.
        """
    def claim(self, /, owner: Any, label: str, token_id: SupportsIndex, asset: str) -> str:
        """
        Claims a token's earnings in an asset, as its owner; returns the amount.
        """
    def dat(self, /, class_id: SupportsIndex, version: SupportsIndex) -> DatFacts:
        """
        The metadata of a version of a class.
        """
    def domain(self, /) -> Domain:
        """
        The domain of everything that is signed for it.
        """
    def evidence(self, /, store: str, record: str, conversation: str) -> str:
        """
        Gathers the evidence for the last reply of a conversation from the ledger and a store, for `verify_evidence`.
        """
    def execute(self, /, voter: Any, proposal: SupportsIndex) -> None:
        """
        Executes a proposal that passed; its changes bind sessions opened after it.
        """
    @staticmethod
    def found_folder(folder: str, founding: Founding) -> Market:
        """
        Founds a market in a folder, or opens the one that was founded there, whatever its initial state.
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
        The market in a folder. Several processes may have it open.
        """
    def open_session(self, /, payer: Any, consumer: Any, nonce: SupportsIndex, model: ModelOffer, deposit: str) -> str:
        """
        Opens a session as its payer; returns the conversation, as `Chat` takes it.
        """
    def place(self, /) -> MarketPlace | None:
        """
        The market's addresses for wallets; none in a folder.
        """
    def propose_split(self, /, voter: Any, label: str, creator_bps: SupportsIndex, node_bps: SupportsIndex, pool_bps: SupportsIndex) -> int | None:
        """
        Proposes another split, in basis points; returns the proposal's number.
        """
    def split(self, /, amount: str) -> RevenueParts:
        """
        The split of revenue that binds sessions opened now, for an amount.
        """
    def submission(self, /, submission: str) -> SubmissionFacts:
        """
        The state of a submission.
        """
    def submit(self, /, creator: Any, store: str, nonce: SupportsIndex, dataset: str, public_part: str, proof: ProofFiles, exex: ExExContact, contributors: SupportsGetItem[int, Any], lineage: Lineage | None = None) -> str:
        """
        Submits a dataset as its creator, with each contributor's consent signed; returns the submission's id. Without a
        lineage its model becomes the first version of a new class.
        """
    def talk(self, /, node: str, signer: Any, deposit: str, model: str | None = None, system: str | None = None) -> Session:
        """
        Opens a session at a node, whose URL is given, with the character of this id among its models, or with the first. The
        key pays a deposit, in base units, and signs what is said; `offer_step` says what one reply may cost. `system` are words
        before the conversation, such as `Character.system_prompt`: a node adds none.
        """
    def talk_on(self, /, node: str, signer: Any, conversation: str) -> Session:
        """
        Continues a session that `Session.to_json` kept.
        """
    def tokens(self, /, class_id: SupportsIndex) -> list[TokenFacts]:
        """
        The tokens of a class, with their shares of its revenue and their quotas.
        """
    def vote(self, /, voter: Any, proposal: SupportsIndex, in_favour: bool) -> None:
        """
        Votes on a proposal.
        """

@final
class MarketPlace:
    """
    The addresses of a market on a chain. An app ships them, like its trust anchor: a node that could name another
    contract could take the deposit.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, ledger: str, domain: Domain, settlement: str) -> MarketPlace: ...
    @property
    def domain(self, /) -> Domain:
        """
        The domain of everything that is signed for it.
        """
    @property
    def ledger(self, /) -> str:
        """
        The ledger's id.
        """
    @property
    def settlement(self, /) -> str:
        """
        The contract that holds the money.
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
        The message's text.
        """
    @property
    def role(self, /) -> str:
        """
        `system`, `user` or `assistant`.
        """

@final
class MintedModel:
    """
    A model that was minted.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, class_id: SupportsIndex, version: SupportsIndex, adapter: TrainedAdapter, record: str) -> MintedModel: ...
    @property
    def adapter(self, /) -> TrainedAdapter:
        """
        Its adapter.
        """
    @property
    def class_id(self, /) -> int:
        """
        Its class.
        """
    @property
    def record(self, /) -> str:
        """
        The file of the signed training record.
        """
    @property
    def version(self, /) -> int:
        """
        Its version.
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
class ModelTerms:
    """
    Public facts about a model beside its files.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, base_name: str, base_licence: str, access: AccessTerms, endpoints: SupportsGetItem[int, str]) -> ModelTerms: ...
    @property
    def access(self, /) -> AccessTerms:
        """
        The access terms.
        """
    @property
    def base_licence(self, /) -> str:
        """
        SPDX identifier of its licence.
        """
    @property
    def base_name(self, /) -> str:
        """
        Public name of the base model.
        """
    @property
    def endpoints(self, /) -> list[str]:
        """
        The URLs that will serve it.
        """

@final
class NodeClient:
    """
    A node behind a URL.
    """
    def __new__(cls, /, url: str) -> NodeClient:
        """
        A node at a URL; nothing is asked yet.
        """
    def models(self, /) -> list[ModelOffer]:
        """
        The characters that the node offers.
        """

@final
class NodeServer:
    """
    A node with an HTTP front like OpenAI's. A context manager: it stops listening at its end.
    """
    def __enter__(self, /) -> NodeServer: ...
    def __exit__(self, /, *_reason: Any) -> None: ...
    def redeem(self, /) -> int:
        """
        Redeems the last voucher of every session; returns the number of those that could not be redeemed now.
        """
    @staticmethod
    def start(market: Market, signer: Any, base: BaseModel, served: SupportsGetItem[int, ServedModel], reply_tokens: SupportsIndex, folder: str, address: str) -> NodeServer:
        """
        Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any).
        """
    def stop(self, /) -> None:
        """
        Stops listening; replies in progress are finished.
        """
    def url(self, /) -> str:
        """
        Its URL.
        """

@final
class Offer:
    """
    A node's prices and limits for serving a version of a class.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, node: str, class_id: SupportsIndex, version: SupportsIndex, asset: str, prompt_price: str, completion_price: str, prompt_ceiling: SupportsIndex, completion_ceiling: SupportsIndex, session_s: SupportsIndex, valid_until_s: SupportsIndex, min_deposit: str, quota_deposit: str, series: SupportsIndex) -> Offer: ...
    @property
    def asset(self, /) -> str:
        """
        Address of the asset of the prices; zero for coins.
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
    def min_deposit(self, /) -> str:
        """
        The least that a payer reserves for a session, in base units.
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
    def quota_deposit(self, /) -> str:
        """
        The amount that a class's fund reserves for a session opened with a unit of quota, in base units; 0: not served
        by quota.
        """
    @property
    def series(self, /) -> int:
        """
        The node's series of offers that it belongs to: beginning the next series revokes it.
        """
    @property
    def session_s(self, /) -> int:
        """
        The length of a session, in seconds.
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
    Progress of a task.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, stage: str, done: SupportsIndex, total: SupportsIndex, note: str) -> Progress: ...
    @property
    def done(self, /) -> int:
        """
        The part that is done.
        """
    @property
    def note(self, /) -> str:
        """
        A message for people; may be empty.
        """
    @property
    def stage(self, /) -> str:
        """
        The current stage.
        """
    @property
    def total(self, /) -> int:
        """
        The total; 0 if it is not known.
        """

@final
class ProofFacts:
    """
    Facts about a dataset, from a proof that holds.
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
        The number of records, no two alike.
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
        The submitter.
        """
    @property
    def tokens(self, /) -> int:
        """
        The number of their tokens.
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
    The provenance of a reply.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, holds: bool, links: SupportsGetItem[int, ProvenanceLink]) -> Provenance: ...
    @property
    def holds(self, /) -> bool:
        """
        True if no link is broken.
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
        A limit of the finding: the facts that it does not show.
        """
    @property
    def says(self, /) -> str:
        """
        The finding, or the reason why it is broken.
        """
    @property
    def trust(self, /) -> TrustLevel:
        """
        The trust it rests on.
        """

@final
class Receipt:
    """
    A node's claim of what it did for one reply.
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
        The amount owed for the session, this reply included, in base units.
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
        The reply's number in the session, from 1.
        """

@final
class ReplySettings:
    """
    The settings of a reply; the node chooses what is left out.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, max_tokens: SupportsIndex | None = None, temperature_milli: SupportsIndex | None = None, top_p_milli: SupportsIndex | None = None, seed: SupportsIndex | None = None) -> ReplySettings: ...
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
class ServedModel:
    """
    A version of a class that a node serves, with its prices and limits.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, class_id: SupportsIndex, version: SupportsIndex, adapter_folder: str, prompt_price: str, completion_price: str, prompt_ceiling: SupportsIndex, session_s: SupportsIndex) -> ServedModel: ...
    @property
    def adapter_folder(self, /) -> str:
        """
        Its adapter, in PEFT's files.
        """
    @property
    def class_id(self, /) -> int:
        """
        The class.
        """
    @property
    def completion_price(self, /) -> str:
        """
        Price of one token of a reply, in base units of coins.
        """
    @property
    def prompt_ceiling(self, /) -> int:
        """
        Most tokens of a conversation before a reply.
        """
    @property
    def prompt_price(self, /) -> str:
        """
        Price of one token of the conversation before a reply, in base units of coins.
        """
    @property
    def session_s(self, /) -> int:
        """
        The length of a session, in seconds.
        """
    @property
    def version(self, /) -> int:
        """
        The version.
        """

@final
class Session:
    """
    A session with a character at a node. A context manager: the session is ended at its end.
    """
    def __enter__(self, /) -> Session: ...
    def __exit__(self, /, *reason: Any) -> None:
        """
        Ends the session, also where something was raised; then a failure to end it is not raised as well: `end` and `take_back`
        can be called later.
        """
    def end(self, /) -> str:
        """
        Ends the session together with the node; gives what is left of the deposit, which is the payer's again. It waits for a
        reply that is under way; ending again gives the same.
        """
    def id(self, /) -> str:
        """
        Its id on the ledger.
        """
    def owed(self, /) -> str:
        """
        The amount owed for the session so far, in base units.
        """
    def recount_with(self, /, counter: TokenCounter) -> None:
        """
        Recounts every receipt from now on, instead of only holding it to bounds.
        """
    def say(self, /, text: str, on_text: Any | None = None, settings: ReplySettings | None = None) -> ChatTurn:
        """
        Says something, hears the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`; what it raises is
        raised when the reply is paid, and the reply stands in `to_json`.
        """
    def take_back(self, /) -> int | None:
        """
        Takes back what is left of the deposit without the node: the first call asks for the end and gives when that is final,
        the next after that time ends the session and gives `None`.
        """
    def to_json(self, /) -> str:
        """
        The conversation with its receipts: for `Market.talk_on`, and as evidence.
        """

@final
class SigningRequest:
    """
    A request to a signer; enough for a wallet to show its user what is signed.
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
class SubmissionFacts:
    """
    A submission and its state.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, submission: str, submitter: str, status: str, root: str, tokens: SupportsIndex) -> SubmissionFacts: ...
    @property
    def root(self, /) -> str:
        """
        Root over all records.
        """
    @property
    def status(self, /) -> str:
        """
        `pending`, `accepted`, `rejected`, `refused` or `minted`.
        """
    @property
    def submission(self, /) -> str:
        """
        Its id.
        """
    @property
    def submitter(self, /) -> str:
        """
        The submitter.
        """
    @property
    def tokens(self, /) -> int:
        """
        Tokens of all records, as proved.
        """

@final
class TokenCheck:
    """
    The check applied to a receipt's token counts.
    """
    BOUNDED: Final[TokenCheck]
    """
    Held to the offer's ceilings and prices, the deposit, and the bounds that the text's bytes set.
    """
    COUNTED: Final[TokenCheck]
    """
    Also recounted with the tokenizer.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __int__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __repr__(self, /) -> str: ...

@final
class TokenCount:
    """
    Token counts of a conversation and some texts.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, prompt_tokens: SupportsIndex, ids: SupportsGetItem[int, SupportsGetItem[int, SupportsIndex]]) -> TokenCount: ...
    @property
    def ids(self, /) -> list[list[int]]:
        """
        Token ids of each text.
        """
    @property
    def prompt_tokens(self, /) -> int:
        """
        Tokens of the conversation before a reply.
        """

@final
class TokenCounter:
    """
    Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
    """
    def count(self, /, messages: SupportsGetItem[int, Message], texts: SupportsGetItem[int, str]) -> TokenCount:
        """
        Counts a conversation as it is before a reply, and returns the token ids of some texts.
        """
    def digest(self, /) -> str:
        """
        Digest of the tokenizer, as receipts name it.
        """
    @staticmethod
    def from_gguf(bytes: SupportsGetItem[int, SupportsIndex]) -> TokenCounter:
        """
        A counter from the beginning of a GGUF file, or all of it.
        """
    @staticmethod
    def from_json(tokenizer: SupportsGetItem[int, SupportsIndex], config: SupportsGetItem[int, SupportsIndex], template: str | None = None) -> TokenCounter:
        """
        A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
        """
    @staticmethod
    def open(path: str) -> TokenCounter:
        """
        A counter for the model in a GGUF file, of which only the header is read, or in a folder as Hugging Face has them.
        """

@final
class TokenFacts:
    """
    A token of a class.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, token_id: SupportsIndex, owner: str, shares: SupportsIndex, version: SupportsIndex | None, quota: SupportsIndex, expires_at_s: SupportsIndex) -> TokenFacts: ...
    @property
    def expires_at_s(self, /) -> int:
        """
        Its quota can be used up to this time, seconds since 1970; 0 for ever.
        """
    @property
    def owner(self, /) -> str:
        """
        The owner.
        """
    @property
    def quota(self, /) -> int:
        """
        Sessions that it pays for.
        """
    @property
    def shares(self, /) -> int:
        """
        Its weight in the revenue of its version.
        """
    @property
    def token_id(self, /) -> int:
        """
        Its id.
        """
    @property
    def version(self, /) -> int | None:
        """
        The version whose revenue that is; none for a token without shares, or of a class without versions.
        """

@final
class TrainedAdapter:
    """
    An adapter that was trained.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, folder: str, digest: str, tokens: SupportsIndex, tokens_per_s: SupportsFloat | SupportsIndex, losses: SupportsGetItem[int, SupportsFloat | SupportsIndex]) -> TrainedAdapter: ...
    @property
    def digest(self, /) -> str:
        """
        SHA-256 of its weights.
        """
    @property
    def folder(self, /) -> str:
        """
        Its folder, in PEFT's files.
        """
    @property
    def losses(self, /) -> list[float]:
        """
        Mean loss of each step, in nats per learnt token.
        """
    @property
    def tokens(self, /) -> int:
        """
        Tokens that were seen, repeats included.
        """
    @property
    def tokens_per_s(self, /) -> float:
        """
        Tokens per second; 0 if everything was done before.
        """

@final
class TrainingSettings:
    """
    The settings of fine-tuning; the library chooses what is left out.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, epochs: SupportsIndex | None = None, max_steps: SupportsIndex | None = None, block_tokens: SupportsIndex | None = None, learning_rate_micro: SupportsIndex | None = None, rank: SupportsIndex | None = None, alpha: SupportsIndex | None = None, seed: SupportsIndex | None = None) -> TrainingSettings: ...
    @property
    def alpha(self, /) -> int | None:
        """
        The update is multiplied by `alpha / rank`.
        """
    @property
    def block_tokens(self, /) -> int | None:
        """
        Tokens of one step.
        """
    @property
    def epochs(self, /) -> int | None:
        """
        The number of passes over each dialogue.
        """
    @property
    def learning_rate_micro(self, /) -> int | None:
        """
        Peak learning rate, in millionths.
        """
    @property
    def max_steps(self, /) -> int | None:
        """
        Most steps, whatever the epochs.
        """
    @property
    def rank(self, /) -> int | None:
        """
        Rank of the update (LoRA, arXiv:2106.09685).
        """
    @property
    def seed(self, /) -> int | None:
        """
        Seed of the adapter's initial values and of the order of dialogues.
        """

@final
class TrustLevel:
    """
    The kind of trust that a link rests on.
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
        The amount owed so far, in base units.
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

@final
class WalletCall:
    """
    A transaction for a wallet to send, as `eth_sendTransaction` takes it, without the sender.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(cls, to: str, value: str, data: str) -> WalletCall: ...
    @property
    def data(self, /) -> str:
        """
        The calldata, as hex.
        """
    @property
    def to(self, /) -> str:
        """
        The contract.
        """
    @property
    def value(self, /) -> str:
        """
        Coins that go with it, in base units, as hex without leading zeros.
        """

def begin_conversation(place: MarketPlace, payer: str, nonce: SupportsIndex, consumer: str, model: ModelOffer, deposit: str) -> str:
    """
    The conversation in a session that a wallet opened with that call, as `Chat` takes it.
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

def close_session_call(place: MarketPlace, payer: str, nonce: SupportsIndex, consumer: str, model: ModelOffer) -> WalletCall:
    """
    The call that requests the end of a wallet's session and, sent again after the market's dispute window, ends it.
    """

def error_codes() -> list[str]:
    """
    Every code that this library gives an error.
    """

def evidence_with_words(evidence: SupportsGetItem[int, SupportsIndex], conversation: str) -> str:
    """
    Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.
    """

def fail_with(code: str) -> None:
    """
    Fails with a code, so that an app can test how it handles each.
    """

def inspect_file(path: str, character: str | None = None, user: str | None = None) -> FileFacts:
    """
    Identifies a file by its content. `character` and `user` are their names in logs that name people.
    """

def library_version() -> str:
    """
    The version of the library.
    """

def offer_step(offer: Offer) -> str:
    """
    The most that one reply under an offer can cost, in base units.
    """

def open_session_call(place: MarketPlace, nonce: SupportsIndex, consumer: str, model: ModelOffer, deposit: str) -> WalletCall:
    """
    The call that opens a wallet's session number `nonce`.
    """

def prepare_dataset(files: SupportsGetItem[int, str], contributor: ContributorTerms, base_model: str, out: str, on_progress: Any | None = None, character: str | None = None, user: str | None = None) -> DatasetFacts:
    """
    Makes a dataset of dialogues in files of any known format. `on_progress(progress)` cancels by `False`. If files name
    people, `character` names the one whose words are learnt, and `user` the one who talks with it; everybody else's
    words are context.
    """

def prove_dataset(dataset: str, public_part: str | None, ledger: str, submitter: str, nonce: SupportsIndex, folder: str, on_progress: Any | None = None) -> ProofFiles:
    """
    Proves a dataset in zero knowledge. `on_progress(progress)` cancels by `False`; the same call continues.
    """

def read_market_place(json: SupportsGetItem[int, SupportsIndex]) -> MarketPlace:
    """
    Reads a market's addresses from JSON, which an app ships with, or its publisher serves.
    """

def read_models(body: SupportsGetItem[int, SupportsIndex]) -> list[ModelOffer]:
    """
    The models in a node's answer to `GET /v1/models`.
    """

def report_character(domain: Domain, report: CharacterReport, signer: Any) -> HttpRequest:
    """
    Signs a report, as the session's consumer; returns the request that brings it to the node.
    """

def run_command(arguments: SupportsGetItem[int, str]) -> int:
    """
    Runs a command line; returns the exit code.
    """

def session_id(ledger: str, payer: str, nonce: SupportsIndex, consumer: str, offer: Offer) -> str:
    """
    The id of a session, from the payer's number for it.
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
    Digest of this library's verifier's key.
    """

def verify_evidence(evidence: SupportsGetItem[int, SupportsIndex], anchor: SupportsGetItem[int, SupportsIndex]) -> Provenance:
    """
    Checks the provenance of a reply: evidence against an anchor that the caller has from elsewhere.
    """

def verify_proof(statement: SupportsGetItem[int, SupportsIndex], proof: SupportsGetItem[int, SupportsIndex]) -> ProofFacts:
    """
    Verifies a proof of a dataset, and returns the facts that it shows.
    """

def voucher_digest(domain: Domain, voucher: Voucher) -> str:
    """
    The 32 bytes of a voucher that are signed (EIP-712), as hex.
    """

def voucher_typed_data(domain: Domain, voucher: Voucher) -> str:
    """
    A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
    """

def withdraw_call(place: MarketPlace, asset: str, to: str, amount: str) -> WalletCall:
    """
    The call that withdraws an amount of a wallet's balance from the market.
    """

def write_public_part(character: Character, prompts: SupportsGetItem[int, str], contributors: SupportsGetItem[int, ContributorTerms], voice_source: str, out: str) -> None:
    """
    Writes the public part of a dataset, at most 32 KiB.
    """

class LazaiError(Exception):
    """
    Why something did not happen: `code` does not change, `message` may.
    """
    code: str
    message: str
