# Written by `cargo xtask surface write`.
"""The compiled part of the package `lazai`."""

from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import ClassVar, Literal, final

from lazai.signer import Signer

__all__ = [
    "AccessTerms",
    "AdapterFacts",
    "AgentRegistration",
    "BaseModel",
    "BaseVoice",
    "Blocklist",
    "Character",
    "CharacterReport",
    "Chat",
    "ChatTurn",
    "Concern",
    "ContributorFacts",
    "ContributorTerms",
    "DatFacts",
    "DatasetFacts",
    "DialogueMessage",
    "Dispute",
    "DisputeState",
    "Domain",
    "ExEx",
    "ExExContact",
    "FileAction",
    "FileFacts",
    "FileKind",
    "FileNote",
    "FinishReason",
    "Founding",
    "Funds",
    "Header",
    "HttpRequest",
    "LazaiError",
    "Lineage",
    "LocalKey",
    "Market",
    "MarketPlace",
    "Memory",
    "MemoryAuthor",
    "MemoryEntry",
    "MemoryRecall",
    "Message",
    "MintedModel",
    "ModelOffer",
    "ModelTerms",
    "NodeBond",
    "NodeClient",
    "NodeEarnings",
    "NodeServer",
    "Offer",
    "PaidAnswer",
    "Payer",
    "PayingClient",
    "PaymentMade",
    "PaymentMeans",
    "PaymentOutcome",
    "Progress",
    "ProofFacts",
    "ProofFiles",
    "Proposal",
    "Provenance",
    "ProvenanceLink",
    "QualityFacts",
    "Rating",
    "ReadDialogue",
    "RecalledLine",
    "Receipt",
    "RecheckSettings",
    "RecheckedReply",
    "RecheckedTraining",
    "RepeatOutcome",
    "ReplySettings",
    "RevenueParts",
    "Role",
    "SealedPost",
    "ServedModel",
    "ServedVoice",
    "ServerPrice",
    "Session",
    "ShareEarnings",
    "SignedModel",
    "SignedPayment",
    "SignedReceipt",
    "SigningRequest",
    "SpeechNote",
    "SpendingLimit",
    "Spoken",
    "SpokenVoice",
    "SubmissionFacts",
    "SubmissionStatus",
    "TokenBias",
    "TokenCheck",
    "TokenCount",
    "TokenCounter",
    "TokenFacts",
    "TrainedAdapter",
    "TrainingSettings",
    "TrustLevel",
    "Voucher",
    "WalletCall",
    "agent_data_uri",
    "begin_conversation",
    "bind_agent_call",
    "check_model",
    "check_offer",
    "check_receipt",
    "check_voucher",
    "close_session_call",
    "error_codes",
    "evidence_with_words",
    "fail_with",
    "inspect_file",
    "keep_adapter",
    "library_version",
    "move_agent_call",
    "offer_step",
    "open_memory",
    "open_session_call",
    "prepare_dataset",
    "prove_dataset",
    "read_dialogues",
    "read_market_place",
    "read_memory",
    "read_models",
    "recheck_reply",
    "recheck_training",
    "register_agent_call",
    "report_character",
    "run_command",
    "session_id",
    "sign_model",
    "sign_offer",
    "sign_receipt",
    "sign_voucher",
    "speech_note",
    "split_revenue",
    "verifier_key",
    "verify_evidence",
    "verify_proof",
    "verify_repeated",
    "voucher_digest",
    "voucher_typed_data",
    "withdraw_call",
    "write_public_part",
]

class LazaiError(Exception):
    """Why something did not happen: `code` does not change, `message` may."""
    code: str
    message: str

def run_command(arguments: Sequence[str]) -> int:
    """Runs a command line; returns the exit code."""

@final
class Concern:
    """The concern of a report."""
    HARMFUL: ClassVar[Concern]
    """It harms or encourages harm."""
    ILLEGAL: ClassVar[Concern]
    """It breaks the law."""
    IMPERSONATION: ClassVar[Concern]
    """It passes for a person who did not agree."""
    INFRINGING: ClassVar[Concern]
    """It uses somebody's work without a licence."""
    OTHER: ClassVar[Concern]
    """Something else, in words."""
    def __new__(cls, word: str) -> Concern: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class DisputeState:
    """How far a dispute is."""
    OPEN: ClassVar[DisputeState]
    """Validators may vote."""
    SAME: ClassVar[DisputeState]
    """It was repeated: the challenger paid."""
    OTHER: ClassVar[DisputeState]
    """It is another than was claimed: the node, or the ExEx, paid."""
    UNDECIDED: ClassVar[DisputeState]
    """Two thirds did not agree: nobody paid."""
    def __new__(cls, word: str) -> DisputeState: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class FileAction:
    """An importer's action on data that it could not take as it was."""
    DROPPED: ClassVar[FileAction]
    """It is not in the result."""
    MERGED: ClassVar[FileAction]
    """It became part of its neighbour."""
    REPAIRED: ClassVar[FileAction]
    """It is in the result, changed."""
    def __new__(cls, word: str) -> FileAction: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class FileKind:
    """The kind of a file."""
    CHARACTER: ClassVar[FileKind]
    """A character: a card, or an Eliza character."""
    LOREBOOK: ClassVar[FileKind]
    """A lorebook without a character."""
    DIALOGUE: ClassVar[FileKind]
    """Dialogues."""
    AUDIO: ClassVar[FileKind]
    """A recording."""
    VOICE_MANIFEST: ClassVar[FileKind]
    """A list of recordings with transcripts."""
    POV: ClassVar[FileKind]
    """A POV container, private or public part."""
    def __new__(cls, word: str) -> FileKind: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class FinishReason:
    """The reason for the end of a reply."""
    STOP: ClassVar[FinishReason]
    """The character ended it, or a stop string did, or the form that was asked for is complete."""
    LENGTH: ClassVar[FinishReason]
    """The most tokens were generated."""
    def __new__(cls, word: str) -> FinishReason: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class MemoryAuthor:
    """The author of what is remembered."""
    USER: ClassVar[MemoryAuthor]
    """The person, in a conversation."""
    CHARACTER: ClassVar[MemoryAuthor]
    """The character, in a conversation."""
    NOTE: ClassVar[MemoryAuthor]
    """The person, outside of any conversation."""
    SUMMARY: ClassVar[MemoryAuthor]
    """The character, asked to sum up what was said."""
    def __new__(cls, word: str) -> MemoryAuthor: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class PaymentMeans:
    """The means of payment for a session."""
    GAS: ClassVar[PaymentMeans]
    """AI gas tokens, by the offer's prices."""
    QUOTA: ClassVar[PaymentMeans]
    """The quota of an access token: one unit a session."""
    GAS_OR_QUOTA: ClassVar[PaymentMeans]
    """Either, as the consumer likes."""
    def __new__(cls, word: str) -> PaymentMeans: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class Rating:
    """The audience of a character."""
    GENERAL: ClassVar[Rating]
    """Everyone."""
    TEEN: ClassVar[Rating]
    """Not for children."""
    MATURE: ClassVar[Rating]
    """Adults only."""
    def __new__(cls, word: str) -> Rating: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class RepeatOutcome:
    """What a repeat of a reply came to."""
    SAME: ClassVar[RepeatOutcome]
    """All bits are the same, and so is every token."""
    WITHIN: ClassVar[RepeatOutcome]
    """States deviate no more than other kernels explain, and so do the tokens."""
    OTHER_SCORES: ClassVar[RepeatOutcome]
    """Another adapter, another base, another form of its weights, or another conversation."""
    OTHER_WORDS: ClassVar[RepeatOutcome]
    """The words were changed, or drawn by other settings."""
    def __new__(cls, word: str) -> RepeatOutcome: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class Role:
    """The author of a message."""
    SYSTEM: ClassVar[Role]
    """Instructions and facts before the conversation."""
    USER: ClassVar[Role]
    """The person who talks with the character."""
    ASSISTANT: ClassVar[Role]
    """The character."""
    def __new__(cls, word: str) -> Role: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class SpokenVoice:
    """Whose voice it is, as the node says."""
    BASE: ClassVar[SpokenVoice]
    """The base's own, which is not the character's."""
    PITCH_AND_PACE: ClassVar[SpokenVoice]
    """The base's, at the character's pitch and pace: it is not the character's either."""
    CHARACTER: ClassVar[SpokenVoice]
    """The character's, by an adapter that was trained on recordings."""
    def __new__(cls, word: str) -> SpokenVoice: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class SubmissionStatus:
    """The state of a submission."""
    PENDING: ClassVar[SubmissionStatus]
    """Validators may attest until the deadline."""
    ACCEPTED: ClassVar[SubmissionStatus]
    """Two thirds attested."""
    REJECTED: ClassVar[SubmissionStatus]
    """So many attested the contrary, or were overruled, that two thirds cannot be."""
    REFUSED: ClassVar[SubmissionStatus]
    """The execution node refused it."""
    MINTED: ClassVar[SubmissionStatus]
    """Its model is minted."""
    def __new__(cls, word: str) -> SubmissionStatus: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class TokenCheck:
    """The check applied to a receipt's token counts."""
    BOUNDED: ClassVar[TokenCheck]
    """Held to the offer's ceilings and prices, the deposit, and the bounds that the text's bytes set."""
    COUNTED: ClassVar[TokenCheck]
    """Also recounted with the tokenizer."""
    def __new__(cls, word: str) -> TokenCheck: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class TrustLevel:
    """The kind of trust that a link rests on."""
    PROVED: ClassVar[TrustLevel]
    """A verifier checked it, here and now."""
    ATTESTED: ClassVar[TrustLevel]
    """A quorum signed it."""
    REPEATED: ClassVar[TrustLevel]
    """Named parties computed it again: two thirds of the validators in a dispute, or the reader."""
    CLAIMED: ClassVar[TrustLevel]
    """One party signed it."""
    BROKEN: ClassVar[TrustLevel]
    """It does not hold."""
    def __new__(cls, word: str) -> TrustLevel: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __int__(self, /) -> int: ...
    def __str__(self, /) -> str: ...

@final
class AccessTerms:
    """The audience of a character, and the consent to use its material."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, rating: Rating | Literal["general", "teen", "mature"], minimum_age: int, payment: PaymentMeans | Literal["gas", "quota", "gas_or_quota"], consent: str, report_contact: str) -> AccessTerms: ...
    @property
    def rating(self, /) -> Rating:
        """The audience."""
    @property
    def minimum_age(self, /) -> int:
        """Minimum age in years; the application that opens a session answers for it."""
    @property
    def payment(self, /) -> PaymentMeans:
        """The means of payment for a session."""
    @property
    def consent(self, /) -> str:
        """The consent under which real persons' words and voices are used."""
    @property
    def report_contact(self, /) -> str:
        """The contact for reports of misuse."""

@final
class AdapterFacts:
    """An adapter's properties."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, digest: str, base_digest: str, rank: int, alpha: int, rank_stabilised: bool, parameters: int) -> AdapterFacts: ...
    @property
    def digest(self, /) -> str:
        """SHA-256 of its weights."""
    @property
    def base_digest(self, /) -> str:
        """SHA-256 of the base model it is for."""
    @property
    def rank(self, /) -> int:
        """Rank of the update."""
    @property
    def alpha(self, /) -> int:
        """Its scale: the update is multiplied by `alpha / rank`, or `alpha / sqrt(rank)`."""
    @property
    def rank_stabilised(self, /) -> bool:
        """True if it is rank-stabilised (arXiv:2312.03732)."""
    @property
    def parameters(self, /) -> int:
        """Numbers that were learnt."""

@final
class AgentRegistration:
    """An entry of a registry of agents."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, chain_id: int, registry: str, agent: int) -> AgentRegistration: ...
    @property
    def chain_id(self, /) -> int:
        """EIP-155 chain id."""
    @property
    def registry(self, /) -> str:
        """The registry's contract."""
    @property
    def agent(self, /) -> int:
        """The agent's number there."""

@final
class CharacterReport:
    """A consumer's report of a character."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, session: str, class_id: int, version: int, concern: Concern | Literal["harmful", "illegal", "impersonation", "infringing", "other"], words: str, reported_at_s: int) -> CharacterReport: ...
    @property
    def session(self, /) -> str:
        """The session in which the character spoke."""
    @property
    def class_id(self, /) -> int:
        """The class that was served."""
    @property
    def version(self, /) -> int:
        """The version that was served."""
    @property
    def concern(self, /) -> Concern:
        """The concern."""
    @property
    def words(self, /) -> str:
        """A description: at most 2,000 bytes."""
    @property
    def reported_at_s(self, /) -> int:
        """The time of the report, seconds since 1970."""

@final
class ChatTurn:
    """A reply that was checked."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, text: str, finish_reason: FinishReason | Literal["stop", "length"], prompt_tokens: int, completion_tokens: int, owed: int, token_check: TokenCheck | Literal["bounded", "counted"], model_checked: bool, *, payment: HttpRequest | None = None) -> ChatTurn: ...
    @property
    def text(self, /) -> str:
        """The reply's text."""
    @property
    def finish_reason(self, /) -> FinishReason:
        """The reason for its end, as the node claims it."""
    @property
    def prompt_tokens(self, /) -> int:
        """Tokens of the conversation before it."""
    @property
    def completion_tokens(self, /) -> int:
        """Tokens of the reply."""
    @property
    def owed(self, /) -> int:
        """The amount owed for the session by now, in base units."""
    @property
    def token_check(self, /) -> TokenCheck:
        """The check of its token counts."""
    @property
    def model_checked(self, /) -> bool:
        """True if base and adapter are those that the ledger names for the version; otherwise only the node claims them."""
    @property
    def payment(self, /) -> HttpRequest | None:
        """
        The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        owed.
        """

@final
class ContributorFacts:
    """A proof's facts about one contributor's part, and the address that the creator declares for it."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, address: str, records: int, tokens: int, root: str) -> ContributorFacts: ...
    @property
    def address(self, /) -> str:
        """The contributor's account, as the creator declares it."""
    @property
    def records(self, /) -> int:
        """The number of the contributor's records."""
    @property
    def tokens(self, /) -> int:
        """The number of their tokens."""
    @property
    def root(self, /) -> str:
        """Root of the tree over the contributor's records."""

@final
class ContributorTerms:
    """A contributor of dialogues, and its terms."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, address: str, name: str, licence: str, consent: str) -> ContributorTerms: ...
    @property
    def address(self, /) -> str:
        """The contributor's account."""
    @property
    def name(self, /) -> str:
        """A name to show."""
    @property
    def licence(self, /) -> str:
        """SPDX identifier of the contributor's licence."""
    @property
    def consent(self, /) -> str:
        """The contributor's consent, in words."""

@final
class DatFacts:
    """The metadata of a version of a class; its digest is ERC-8028's `integrityHash`."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, class_id: int, version: int, character: str, base_name: str, base_digest: str, base_licence: str, adapter_digest: str, record_digest: str, submission: str, exex: str, access: AccessTerms, endpoints: Sequence[str], integrity_hash: str, withdrawn: bool, *, voice_base_digest: str | None = None, voice_digest: str | None = None, quality: QualityFacts | None = None) -> DatFacts: ...
    @property
    def class_id(self, /) -> int:
        """The class."""
    @property
    def version(self, /) -> int:
        """The version."""
    @property
    def character(self, /) -> str:
        """The character's name."""
    @property
    def base_name(self, /) -> str:
        """Public name of the base model."""
    @property
    def base_digest(self, /) -> str:
        """SHA-256 of the base model."""
    @property
    def base_licence(self, /) -> str:
        """SPDX identifier of its licence."""
    @property
    def adapter_digest(self, /) -> str:
        """SHA-256 of the adapter's weights."""
    @property
    def voice_base_digest(self, /) -> str | None:
        """Digest of the base voice; none if no voice was trained."""
    @property
    def voice_digest(self, /) -> str | None:
        """SHA-256 of the character's voice; none if no voice was trained."""
    @property
    def quality(self, /) -> QualityFacts | None:
        """How well base and tuned model predict records that were held out, by the execution node's word; none if none were."""
    @property
    def record_digest(self, /) -> str:
        """Digest of the signed training record."""
    @property
    def submission(self, /) -> str:
        """The submission that it was trained on."""
    @property
    def exex(self, /) -> str:
        """The execution node that trained it."""
    @property
    def access(self, /) -> AccessTerms:
        """The access terms."""
    @property
    def endpoints(self, /) -> list[str]:
        """The URLs that serve it."""
    @property
    def integrity_hash(self, /) -> str:
        """Digest of the version's metadata."""
    @property
    def withdrawn(self, /) -> bool:
        """True if it takes no new sessions."""

@final
class DatasetFacts:
    """A dataset that was written."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, records: int, tokens: int, held_out: int, recordings: int, notes: Sequence[FileNote]) -> DatasetFacts: ...
    @property
    def records(self, /) -> int:
        """Records."""
    @property
    def tokens(self, /) -> int:
        """Tokens of all records."""
    @property
    def held_out(self, /) -> int:
        """Dialogues that were held out for measuring."""
    @property
    def recordings(self, /) -> int:
        """Recordings of the character's voice."""
    @property
    def notes(self, /) -> list[FileNote]:
        """Notes on data that was dropped, merged or repaired."""

@final
class DialogueMessage:
    """A message of a dialogue that was read."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, role: Role | Literal["system", "user", "assistant"], content: str, learnt: bool) -> DialogueMessage: ...
    @property
    def role(self, /) -> Role:
        """Its author."""
    @property
    def content(self, /) -> str:
        """The message's text."""
    @property
    def learnt(self, /) -> bool:
        """True if training learns these words; all others are context."""

@final
class Dispute:
    """A doubt about a reply, or about a training."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, dispute: str, node: str, challenger: str, stake: int, deadline_s: int, state: DisputeState | Literal["open", "same", "other", "undecided"], same: int, other: int, silent: int, total: int, same_by: Sequence[str], other_by: Sequence[str], *, session: str | None = None, turn: int | None = None, submission: str | None = None, training_state: int | None = None) -> Dispute: ...
    @property
    def dispute(self, /) -> str:
        """Its name: the hash of the receipt, or of the doubt."""
    @property
    def session(self, /) -> str | None:
        """The session, of a reply."""
    @property
    def turn(self, /) -> int | None:
        """The reply's turn in it."""
    @property
    def submission(self, /) -> str | None:
        """The submission that was minted, of a training."""
    @property
    def training_state(self, /) -> int | None:
        """The place of the state in the training record, from 0."""
    @property
    def node(self, /) -> str:
        """The node that signed the reply, or the ExEx that minted."""
    @property
    def challenger(self, /) -> str:
        """The consumer or payer who doubts a reply; the submitter or contributor who doubts a training."""
    @property
    def stake(self, /) -> int:
        """The amount that each of both puts at risk, in base units of coins."""
    @property
    def deadline_s(self, /) -> int:
        """Votes count up to this time, seconds since 1970."""
    @property
    def state(self, /) -> DisputeState:
        """How far it is."""
    @property
    def same(self, /) -> int:
        """Weight of the validators who repeated it."""
    @property
    def other(self, /) -> int:
        """Weight of those who got something else."""
    @property
    def silent(self, /) -> int:
        """Weight of those who may still vote."""
    @property
    def total(self, /) -> int:
        """All weight, that of parties too: two thirds of it decide."""
    @property
    def same_by(self, /) -> list[str]:
        """The validators who repeated it."""
    @property
    def other_by(self, /) -> list[str]:
        """The validators who got something else."""

@final
class Domain:
    """The scope of a signature: an EIP-712 domain, that of the ledger."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, name: str, version: str, chain_id: int, verifying_contract: str, *, salt: str | None = None) -> Domain: ...
    @property
    def name(self, /) -> str:
        """Name of the application."""
    @property
    def version(self, /) -> str:
        """Version of its signed types."""
    @property
    def chain_id(self, /) -> int:
        """EIP-155 chain id."""
    @property
    def verifying_contract(self, /) -> str:
        """The contract that checks the signature."""
    @property
    def salt(self, /) -> str | None:
        """The field `salt`, if the domain has one: that of an embedded ledger does."""

@final
class ExExContact:
    """An execution node that may open a dataset, and the key that data is sealed to."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, address: str, sealing_key: str) -> ExExContact: ...
    @property
    def address(self, /) -> str:
        """Its account."""
    @property
    def sealing_key(self, /) -> str:
        """Its public key (X25519)."""

@final
class FileFacts:
    """A file's kind and contents."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, kind: FileKind | Literal["character", "lorebook", "dialogue", "audio", "voice_manifest", "pov"], spec: str, lorebook_entries: int, assets: int, dialogues: int, turns: int, audio_seconds: float, tokens: int, dropped: Sequence[FileNote], changed: Sequence[FileNote], *, name: str | None = None, container: str | None = None) -> FileFacts: ...
    @property
    def kind(self, /) -> FileKind:
        """Its kind."""
    @property
    def name(self, /) -> str | None:
        """Name of the character, of the lorebook, or of a dataset's first contributor."""
    @property
    def spec(self, /) -> str:
        """Name of the format."""
    @property
    def container(self, /) -> str | None:
        """The container of the format, if it has several."""
    @property
    def lorebook_entries(self, /) -> int:
        """Entries of lorebooks."""
    @property
    def assets(self, /) -> int:
        """Files that a card names or carries; recordings of a list or a dataset."""
    @property
    def dialogues(self, /) -> int:
        """Conversations; of a dataset, records."""
    @property
    def turns(self, /) -> int:
        """Messages of these conversations."""
    @property
    def audio_seconds(self, /) -> float:
        """Seconds of sound."""
    @property
    def tokens(self, /) -> int:
        """Tokens of a dataset."""
    @property
    def dropped(self, /) -> list[FileNote]:
        """Data that was left out, with the reasons."""
    @property
    def changed(self, /) -> list[FileNote]:
        """Data that was merged or repaired."""

@final
class FileNote:
    """Something that an importer dropped, merged or repaired."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, action: FileAction | Literal["dropped", "merged", "repaired"], place: str, reason: str) -> FileNote: ...
    @property
    def action(self, /) -> FileAction:
        """The action."""
    @property
    def place(self, /) -> str:
        """The place in the file."""
    @property
    def reason(self, /) -> str:
        """The reason."""

@final
class Founding:
    """The initial state of a market in a folder. Each validator and voter named has one vote."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, validators: Sequence[str], voters: Sequence[str], funds: Sequence[Funds]) -> Founding: ...
    @property
    def validators(self, /) -> list[str]:
        """Accounts of the iDAO's validators."""
    @property
    def voters(self, /) -> list[str]:
        """Accounts of the DAO's voters."""
    @property
    def funds(self, /) -> list[Funds]:
        """Initial balances."""

@final
class Funds:
    """An account's initial balance of an asset."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, account: str, asset: str, amount: int) -> Funds: ...
    @property
    def account(self, /) -> str:
        """The account."""
    @property
    def asset(self, /) -> str:
        """Address of the asset; zero for coins."""
    @property
    def amount(self, /) -> int:
        """The amount, in base units."""

@final
class Header:
    """A header of a request."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, name: str, value: str) -> Header: ...
    @property
    def name(self, /) -> str:
        """Its name."""
    @property
    def value(self, /) -> str:
        """Its value."""

@final
class HttpRequest:
    """A request to a node: `POST`, to be sent as it is."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, path: str, headers: Sequence[Header], body: str) -> HttpRequest: ...
    @property
    def path(self, /) -> str:
        """Path under the node's URL."""
    @property
    def headers(self, /) -> list[Header]:
        """Headers."""
    @property
    def body(self, /) -> str:
        """The body, JSON."""

@final
class Lineage:
    """
    The class that a model becomes a version of, and the version it comes after. Signatures and attestations name both:
    nobody can choose others, nor put a version in between.
    """
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, class_id: int, keep_bps: int, *, after: int | None = None) -> Lineage: ...
    @property
    def class_id(self, /) -> int:
        """The class, which is the submitter's."""
    @property
    def after(self, /) -> int | None:
        """The version that it comes after; none: the last one when it is submitted."""
    @property
    def keep_bps(self, /) -> int:
        """The part of its revenue that the version before keeps, in basis points: at most 5,000."""

@final
class MarketPlace:
    """
    The addresses of a market on a chain. An app ships them, like its trust anchor: a node that could name another
    contract could take the deposit.
    """
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, ledger: str, domain: Domain, settlement: str) -> MarketPlace: ...
    @property
    def ledger(self, /) -> str:
        """The ledger's id."""
    @property
    def domain(self, /) -> Domain:
        """The domain of everything that is signed for it."""
    @property
    def settlement(self, /) -> str:
        """The contract that holds the money."""

@final
class MemoryEntry:
    """One thing that is remembered."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, id: str, at_s: int, author: MemoryAuthor | Literal["user", "character", "note", "summary"], text: str, pinned: bool, edited: bool) -> MemoryEntry: ...
    @property
    def id(self, /) -> str:
        """Its number: 16 hex digits."""
    @property
    def at_s(self, /) -> int:
        """When it was said, in seconds since 1970, by the user's clock; 0 if no clock was at hand."""
    @property
    def author(self, /) -> MemoryAuthor:
        """Whose words these are."""
    @property
    def text(self, /) -> str:
        """The words."""
    @property
    def pinned(self, /) -> bool:
        """True if every prompt has it, as far as the budget reaches."""
    @property
    def edited(self, /) -> bool:
        """True if the user changed the words."""

@final
class MemoryRecall:
    """What was recalled for a message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, lines: Sequence[RecalledLine], tokens: int, counted: bool) -> MemoryRecall: ...
    @property
    def lines(self, /) -> list[RecalledLine]:
        """The lines, the oldest first."""
    @property
    def tokens(self, /) -> int:
        """Tokens that they add to the prompt."""
    @property
    def counted(self, /) -> bool:
        """True if a model's tokenizer counted these tokens; otherwise three bytes are taken for one."""

@final
class Message:
    """A message of a conversation."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, role: Role | Literal["system", "user", "assistant"], content: str) -> Message: ...
    @property
    def role(self, /) -> Role:
        """Its author."""
    @property
    def content(self, /) -> str:
        """The message's text."""

@final
class MintedModel:
    """A model that was minted."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, class_id: int, version: int, adapter: TrainedAdapter, record: str | PathLike[str], *, voice_folder: str | None = None) -> MintedModel: ...
    @property
    def class_id(self, /) -> int:
        """Its class."""
    @property
    def version(self, /) -> int:
        """Its version."""
    @property
    def adapter(self, /) -> TrainedAdapter:
        """Its adapter; its weights are encrypted where the execution node seals its files."""
    @property
    def record(self, /) -> str:
        """The file of the signed training record."""
    @property
    def voice_folder(self, /) -> str | None:
        """The folder of its voice, if one was trained: an adapter in PEFT's files, or pitch and pace alone."""

@final
class ModelOffer:
    """A character that a node offers."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, id: str, offer: Offer, signature: str, *, name: str | None = None, public_part: str | None = None, character_price: int | None = None, speech_terms: str | None = None, seal_terms: str | None = None) -> ModelOffer: ...
    @property
    def id(self, /) -> str:
        """Its name among the node's models."""
    @property
    def name(self, /) -> str | None:
        """The character's name, as the node tells it."""
    @property
    def offer(self, /) -> Offer:
        """The offer."""
    @property
    def signature(self, /) -> str:
        """The node's signature of it."""
    @property
    def public_part(self, /) -> str | None:
        """
        The version's public part, as the node tells it, if the character's card is part of the prompt. Only a model by itself
        has it, not one in a list.
        """
    @property
    def character_price(self, /) -> int | None:
        """The price of one character of text that the node speaks with its voice, in base units; none if it does not speak."""
    @property
    def speech_terms(self, /) -> str | None:
        """The node's signed terms of speech, as JSON: `Chat.speak` takes them. None if it does not speak."""
    @property
    def seal_terms(self, /) -> str | None:
        """The node's signed key, as JSON: `SealedPost` seals requests to it. None if the node takes none that are sealed."""

@final
class ModelTerms:
    """Public facts about a model beside its files."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, base_name: str, base_licence: str, access: AccessTerms, endpoints: Sequence[str]) -> ModelTerms: ...
    @property
    def base_name(self, /) -> str:
        """Public name of the base model."""
    @property
    def base_licence(self, /) -> str:
        """SPDX identifier of its licence."""
    @property
    def access(self, /) -> AccessTerms:
        """The access terms."""
    @property
    def endpoints(self, /) -> list[str]:
        """The URLs that will serve it."""

@final
class NodeBond:
    """The bond of a node, in base units of coins."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, node: str, bonded: int, leaving: int, locked: int, available_at_s: int) -> NodeBond: ...
    @property
    def node(self, /) -> str:
        """The node."""
    @property
    def bonded(self, /) -> int:
        """The free part that stays."""
    @property
    def leaving(self, /) -> int:
        """The free part that is leaving: until it is taken, disputes can lock it."""
    @property
    def locked(self, /) -> int:
        """The part that open disputes lock."""
    @property
    def available_at_s(self, /) -> int:
        """The leaving part can be taken after this time, seconds since 1970."""

@final
class NodeEarnings:
    """What a node earned by a version in an asset, in base units."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, class_id: int, version: int, asset: str, sessions: int, open_sessions: int, owed: int, signed: int, redeemed: int, at_risk: int, *, character: str | None = None) -> NodeEarnings: ...
    @property
    def class_id(self, /) -> int:
        """The class."""
    @property
    def version(self, /) -> int:
        """The version."""
    @property
    def character(self, /) -> str | None:
        """The character's name."""
    @property
    def asset(self, /) -> str:
        """The asset; the zero address stands for coins."""
    @property
    def sessions(self, /) -> int:
        """Sessions in which a reply was begun."""
    @property
    def open_sessions(self, /) -> int:
        """Of these, those that the ledger has as open."""
    @property
    def owed(self, /) -> int:
        """For all replies that were made."""
    @property
    def signed(self, /) -> int:
        """Of that, what consumers signed vouchers for."""
    @property
    def redeemed(self, /) -> int:
        """Of that, what the ledger paid."""
    @property
    def at_risk(self, /) -> int:
        """Of what was signed, what is lost unless it is redeemed in time."""

@final
class Offer:
    """A node's prices and limits for serving a version of a class."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, node: str, class_id: int, version: int, asset: str, prompt_price: int, completion_price: int, prompt_ceiling: int, completion_ceiling: int, session_s: int, valid_until_s: int, min_deposit: int, quota_deposit: int, series: int) -> Offer: ...
    @property
    def node(self, /) -> str:
        """The node's address."""
    @property
    def class_id(self, /) -> int:
        """The class it serves."""
    @property
    def version(self, /) -> int:
        """The version it serves."""
    @property
    def asset(self, /) -> str:
        """Address of the asset of the prices; zero for coins."""
    @property
    def prompt_price(self, /) -> int:
        """Price of one token of the conversation before a reply, in base units."""
    @property
    def completion_price(self, /) -> int:
        """Price of one token of a reply, in base units."""
    @property
    def prompt_ceiling(self, /) -> int:
        """Most tokens of a conversation before a reply."""
    @property
    def completion_ceiling(self, /) -> int:
        """Most tokens of a reply."""
    @property
    def session_s(self, /) -> int:
        """The length of a session, in seconds."""
    @property
    def valid_until_s(self, /) -> int:
        """Sessions may be opened under it up to this time, seconds since 1970."""
    @property
    def min_deposit(self, /) -> int:
        """The least that a payer reserves for a session, in base units."""
    @property
    def quota_deposit(self, /) -> int:
        """
        The amount that a class's fund reserves for a session opened with a unit of quota, in base units; 0: not served
        by quota.
        """
    @property
    def series(self, /) -> int:
        """The node's series of offers that it belongs to: beginning the next series revokes it."""

@final
class PaidAnswer:
    """A server's answer, and what was paid for it."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, status: int, headers: Sequence[Header], body: bytes, *, payment: PaymentMade | None = None) -> PaidAnswer: ...
    @property
    def status(self, /) -> int:
        """The status. Redirects are not followed."""
    @property
    def headers(self, /) -> list[Header]:
        """Headers."""
    @property
    def body(self, /) -> bytes:
        """The body."""
    @property
    def payment(self, /) -> PaymentMade | None:
        """What was paid; none if the server wanted nothing."""

@final
class PaymentMade:
    """What was paid for an answer."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, network: str, asset: str, amount: int, pay_to: str, *, outcome: PaymentOutcome | None = None) -> PaymentMade: ...
    @property
    def network(self, /) -> str:
        """The chain, as the server names it."""
    @property
    def asset(self, /) -> str:
        """Address of the ERC-20."""
    @property
    def amount(self, /) -> int:
        """The amount, in base units."""
    @property
    def pay_to(self, /) -> str:
        """The payee."""
    @property
    def outcome(self, /) -> PaymentOutcome | None:
        """What the server says of the payment."""

@final
class PaymentOutcome:
    """What became of a payment, as the server says."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, success: bool, transaction: str, reason: str) -> PaymentOutcome: ...
    @property
    def success(self, /) -> bool:
        """True if the server has it."""
    @property
    def transaction(self, /) -> str:
        """The transaction; may be empty."""
    @property
    def reason(self, /) -> str:
        """Why not, in x402's words; may be empty."""

@final
class Progress:
    """Progress of a task."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, stage: str, done: int, total: int, note: str) -> Progress: ...
    @property
    def stage(self, /) -> str:
        """The current stage."""
    @property
    def done(self, /) -> int:
        """The part that is done."""
    @property
    def total(self, /) -> int:
        """The total; 0 if it is not known."""
    @property
    def note(self, /) -> str:
        """A message for people; may be empty."""

@final
class ProofFacts:
    """Facts about a dataset, from a proof that holds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, ledger: str, submitter: str, submission: str, root: str, records: int, tokens: int, vocab_size: int, contributors: Sequence[ContributorFacts]) -> ProofFacts: ...
    @property
    def ledger(self, /) -> str:
        """The ledger that it is bound to."""
    @property
    def submitter(self, /) -> str:
        """The submitter."""
    @property
    def submission(self, /) -> str:
        """The submission it belongs to."""
    @property
    def root(self, /) -> str:
        """Root over all records."""
    @property
    def records(self, /) -> int:
        """The number of records, no two alike."""
    @property
    def tokens(self, /) -> int:
        """The number of their tokens."""
    @property
    def vocab_size(self, /) -> int:
        """Every token id is below this."""
    @property
    def contributors(self, /) -> list[ContributorFacts]:
        """Each contributor's part."""

@final
class ProofFiles:
    """A proof that was written."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, statement: str | PathLike[str], proof: str | PathLike[str], root: str, submission: str) -> ProofFiles: ...
    @property
    def statement(self, /) -> str:
        """The file of the statement."""
    @property
    def proof(self, /) -> str:
        """The file of the proof."""
    @property
    def root(self, /) -> str:
        """Root over all records."""
    @property
    def submission(self, /) -> str:
        """The submission that it is bound to."""

@final
class Proposal:
    """A measure that the DAO votes on."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, number: int, proposer: str, measure: str, in_favour: int, against: int, voting_ends_s: int, executed: bool) -> Proposal: ...
    @property
    def number(self, /) -> int:
        """Its number, from 1."""
    @property
    def proposer(self, /) -> str:
        """The proposer's account."""
    @property
    def measure(self, /) -> str:
        """The measure, as JSON."""
    @property
    def in_favour(self, /) -> int:
        """The weight of the votes in favour."""
    @property
    def against(self, /) -> int:
        """The weight of the votes against."""
    @property
    def voting_ends_s(self, /) -> int:
        """Votes count up to this time, seconds since 1970."""
    @property
    def executed(self, /) -> bool:
        """True if it is in force."""

@final
class Provenance:
    """The provenance of a reply."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, holds: bool, links: Sequence[ProvenanceLink]) -> Provenance: ...
    @property
    def holds(self, /) -> bool:
        """True if no link is broken."""
    @property
    def links(self, /) -> list[ProvenanceLink]:
        """The links, from the ledger to the split."""

@final
class ProvenanceLink:
    """One link of a reply's provenance."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, name: str, trust: TrustLevel | Literal["proved", "attested", "repeated", "claimed", "broken"], says: str, not_said: str) -> ProvenanceLink: ...
    @property
    def name(self, /) -> str:
        """Its name."""
    @property
    def trust(self, /) -> TrustLevel:
        """The trust it rests on."""
    @property
    def says(self, /) -> str:
        """The finding, or the reason why it is broken."""
    @property
    def not_said(self, /) -> str:
        """A limit of the finding: the facts that it does not show."""

@final
class QualityFacts:
    """How well a model predicts what the character says in records that it was not trained on: perplexities, `exp` of the mean loss."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, records: int, tokens: int, base_perplexity: float, tuned_perplexity: float, *, prompted_perplexity: float | None = None) -> QualityFacts: ...
    @property
    def records(self, /) -> int:
        """Records that were held out."""
    @property
    def tokens(self, /) -> int:
        """The character's tokens in them."""
    @property
    def base_perplexity(self, /) -> float:
        """The perplexity of the bare base."""
    @property
    def prompted_perplexity(self, /) -> float | None:
        """The perplexity of the base behind the published card; none if the dataset goes on from none."""
    @property
    def tuned_perplexity(self, /) -> float:
        """The perplexity of the base with the adapter."""

@final
class ReadDialogue:
    """A dialogue that was read, as training takes it."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, id: str, messages: Sequence[DialogueMessage]) -> ReadDialogue: ...
    @property
    def id(self, /) -> str:
        """Its name in the file, or `line-N`."""
    @property
    def messages(self, /) -> list[DialogueMessage]:
        """The messages in order."""

@final
class RecalledLine:
    """A line that was recalled."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, id: str, line: str, score_milli: int, tokens: int) -> RecalledLine: ...
    @property
    def id(self, /) -> str:
        """The number of its entry."""
    @property
    def line(self, /) -> str:
        """The line, as the prompt has it."""
    @property
    def score_milli(self, /) -> int:
        """How well it fits, in thousandths; 0 for entries that are in every prompt."""
    @property
    def tokens(self, /) -> int:
        """Tokens of the line."""

@final
class Receipt:
    """A node's claim of what it did for one reply."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, session: str, turn: int, request_digest: str, reply_digest: str, prompt_tokens: int, completion_tokens: int, tokenizer_digest: str, temperature_milli: int, top_p_milli: int, seed: int, base_digest: str, adapter_digest: str, cumulative: int) -> Receipt: ...
    @property
    def session(self, /) -> str:
        """The session."""
    @property
    def turn(self, /) -> int:
        """The reply's number in the session, from 1."""
    @property
    def request_digest(self, /) -> str:
        """Salted digest of the conversation before the reply."""
    @property
    def reply_digest(self, /) -> str:
        """Salted digest of the reply."""
    @property
    def prompt_tokens(self, /) -> int:
        """Tokens of the conversation before the reply."""
    @property
    def completion_tokens(self, /) -> int:
        """Tokens of the reply."""
    @property
    def tokenizer_digest(self, /) -> str:
        """Digest of the tokenizer that counted."""
    @property
    def temperature_milli(self, /) -> int:
        """Temperature in thousandths."""
    @property
    def top_p_milli(self, /) -> int:
        """Nucleus in thousandths."""
    @property
    def seed(self, /) -> int:
        """Seed of the sampler."""
    @property
    def base_digest(self, /) -> str:
        """SHA-256 of the base model that the node says it used."""
    @property
    def adapter_digest(self, /) -> str:
        """SHA-256 of the adapter that the node says it used: claimed, not proved."""
    @property
    def cumulative(self, /) -> int:
        """The amount owed for the session, this reply included, in base units."""

@final
class RecheckSettings:
    """How a reply is repeated; the library chooses what is left out."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, *, threads: int | None = None, floats: bool | None = None, portable: bool | None = None) -> RecheckSettings: ...
    @property
    def threads(self, /) -> int | None:
        """Threads; as many as the machine has cores."""
    @property
    def floats(self, /) -> bool | None:
        """True computes the weights as 32-bit floats; else as their file has them, as nodes do."""
    @property
    def portable(self, /) -> bool | None:
        """True computes by plain loops, which all machines share: slowly."""

@final
class RecheckedReply:
    """A reply that was repeated."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, outcome: RepeatOutcome | Literal["same", "within", "other_scores", "other_words"], holds: bool, says: str, node: str, session: str, turn: int, adapter: str, machine: str, machine_here: str, *, token: int | None = None, deviation_ppm: int | None = None) -> RecheckedReply: ...
    @property
    def outcome(self, /) -> RepeatOutcome:
        """What the repeat came to."""
    @property
    def holds(self, /) -> bool:
        """True for the same reply, or one within the tolerance."""
    @property
    def says(self, /) -> str:
        """The outcome in words."""
    @property
    def token(self, /) -> int | None:
        """The first token that is not what was signed, where one is."""
    @property
    def deviation_ppm(self, /) -> int | None:
        """The states' deviation, in millionths of their size, where they deviate."""
    @property
    def node(self, /) -> str:
        """The node that signed the reply."""
    @property
    def session(self, /) -> str:
        """The session."""
    @property
    def turn(self, /) -> int:
        """The reply's turn in it."""
    @property
    def adapter(self, /) -> str:
        """SHA-256 of the adapter, as the receipt names it."""
    @property
    def machine(self, /) -> str:
        """The kind of machine that the node says it has."""
    @property
    def machine_here(self, /) -> str:
        """The kind of machine that repeated: only on the same kind are all bits the same."""

@final
class RecheckedTraining:
    """A training that was repeated."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, holds: bool, says: str, submission: str, adapter: str, machine: str, machine_here: str, *, quality: QualityFacts | None = None, found: QualityFacts | None = None, differing_step: int | None = None) -> RecheckedTraining: ...
    @property
    def holds(self, /) -> bool:
        """True if all that was repeated is as recorded, or within what another kind of machine explains."""
    @property
    def says(self, /) -> str:
        """What the repeat came to, in words."""
    @property
    def submission(self, /) -> str:
        """The submission."""
    @property
    def adapter(self, /) -> str:
        """SHA-256 of the adapter, as the record names it."""
    @property
    def quality(self, /) -> QualityFacts | None:
        """What the record says of records that were held out; none if it says nothing."""
    @property
    def found(self, /) -> QualityFacts | None:
        """What was found here, where it is something else."""
    @property
    def differing_step(self, /) -> int | None:
        """The first step that is not as recorded, if one of those that were repeated is not."""
    @property
    def machine(self, /) -> str:
        """The kind of machine that the record names."""
    @property
    def machine_here(self, /) -> str:
        """The kind of machine that repeated: only on the same kind are all bits the same."""

@final
class ReplySettings:
    """The settings of a reply; the node chooses what is left out."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, *, max_tokens: int | None = None, temperature_milli: int | None = None, top_p_milli: int | None = None, seed: int | None = None, top_k: int | None = None, min_p_milli: int | None = None, repetition_penalty_milli: int | None = None, presence_penalty_milli: int | None = None, frequency_penalty_milli: int | None = None, typical_p_milli: int | None = None, dry_multiplier_milli: int | None = None, dry_base_milli: int | None = None, dry_allowed_length: int | None = None, dry_sequence_breakers: Sequence[str] | None = None, logit_bias: Sequence[TokenBias] | None = None, stop: Sequence[str] | None = None, stop_token_ids: Sequence[int] | None = None, min_tokens: int | None = None, json_schema: str | None = None, regex: str | None = None, choices: Sequence[str] | None = None, grammar: str | None = None) -> ReplySettings: ...
    @property
    def max_tokens(self, /) -> int | None:
        """Most tokens of the reply."""
    @property
    def temperature_milli(self, /) -> int | None:
        """Temperature in thousandths."""
    @property
    def top_p_milli(self, /) -> int | None:
        """Nucleus in thousandths."""
    @property
    def seed(self, /) -> int | None:
        """A number that varies the reply."""
    @property
    def top_k(self, /) -> int | None:
        """So many of the likeliest tokens at most."""
    @property
    def min_p_milli(self, /) -> int | None:
        """Tokens at least so likely, in thousandths of the likeliest one's probability."""
    @property
    def repetition_penalty_milli(self, /) -> int | None:
        """The factor by which scores of tokens that were said before shrink, in thousandths."""
    @property
    def presence_penalty_milli(self, /) -> int | None:
        """Taken from the scores of tokens that the reply holds, in thousandths."""
    @property
    def frequency_penalty_milli(self, /) -> int | None:
        """Taken from them for each time that the reply holds them, in thousandths."""
    @property
    def typical_p_milli(self, /) -> int | None:
        """Locally typical sampling: tokens of about the expected surprise, with this probability together, in thousandths."""
    @property
    def dry_multiplier_milli(self, /) -> int | None:
        """The penalty on a token that goes on with the shortest repetition (DRY), in thousandths; 0 for none."""
    @property
    def dry_base_milli(self, /) -> int | None:
        """The factor of this penalty for each further token that is repeated, in thousandths."""
    @property
    def dry_allowed_length(self, /) -> int | None:
        """Tokens of the shortest repetition."""
    @property
    def dry_sequence_breakers(self, /) -> list[str] | None:
        """Texts that end a repetition."""
    @property
    def logit_bias(self, /) -> list[TokenBias] | None:
        """Added to the scores of tokens."""
    @property
    def stop(self, /) -> list[str] | None:
        """Texts before which the reply ends."""
    @property
    def stop_token_ids(self, /) -> list[int] | None:
        """Tokens before which the reply ends."""
    @property
    def min_tokens(self, /) -> int | None:
        """Tokens before which the character cannot end the reply."""
    @property
    def json_schema(self, /) -> str | None:
        """A JSON Schema: the reply is JSON of it. `{"type": "object"}` is any object."""
    @property
    def regex(self, /) -> str | None:
        """A regular expression: the reply matches it as a whole."""
    @property
    def choices(self, /) -> list[str] | None:
        """Texts: the reply is one of them."""
    @property
    def grammar(self, /) -> str | None:
        """A grammar in Lark's notation: the reply is of it."""

@final
class RevenueParts:
    """An amount in three parts, which sum to it exactly. Base units."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, creator: int, node: int, pool: int) -> RevenueParts: ...
    @property
    def creator(self, /) -> int:
        """For the creator's class."""
    @property
    def node(self, /) -> int:
        """For the node that served."""
    @property
    def pool(self, /) -> int:
        """For the governance pool."""

@final
class ServedModel:
    """A version of a class that a node serves, with its prices and limits."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, class_id: int, version: int, adapter_folder: str | PathLike[str], prompt_price: int, completion_price: int, prompt_ceiling: int, session_s: int, *, voice: ServedVoice | None = None) -> ServedModel: ...
    @property
    def class_id(self, /) -> int:
        """The class."""
    @property
    def version(self, /) -> int:
        """The version."""
    @property
    def adapter_folder(self, /) -> str:
        """Its adapter, in PEFT's files."""
    @property
    def prompt_price(self, /) -> int:
        """Price of one token of the conversation before a reply, in base units of coins."""
    @property
    def completion_price(self, /) -> int:
        """Price of one token of a reply, in base units of coins."""
    @property
    def prompt_ceiling(self, /) -> int:
        """Most tokens of a conversation before a reply."""
    @property
    def session_s(self, /) -> int:
        """The length of a session, in seconds."""
    @property
    def voice(self, /) -> ServedVoice | None:
        """The voice that it speaks with; none if it does not speak."""

@final
class ServedVoice:
    """The voice that a node speaks with for a version, and its price."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, package: str | PathLike[str], character_price: int, character_ceiling: int, *, voice_folder: str | None = None) -> ServedVoice: ...
    @property
    def package(self, /) -> str:
        """The folder of the base voice's assets."""
    @property
    def character_price(self, /) -> int:
        """Price of one character of text, in base units of coins."""
    @property
    def character_ceiling(self, /) -> int:
        """Most characters of one request."""
    @property
    def voice_folder(self, /) -> str | None:
        """The folder of the character's voice; none for the base's own voice, which is not the character's."""

@final
class ServerPrice:
    """A price of a server, by a transfer that can be signed."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, network: str, asset: str, amount: int, pay_to: str) -> ServerPrice: ...
    @property
    def network(self, /) -> str:
        """The chain, as the server names it."""
    @property
    def asset(self, /) -> str:
        """Address of the ERC-20."""
    @property
    def amount(self, /) -> int:
        """The amount, in base units."""
    @property
    def pay_to(self, /) -> str:
        """The payee."""

@final
class ShareEarnings:
    """What the shares of a token earned in an asset, in base units."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, token_id: int, class_id: int, owner: str, shares: int, total_shares: int, asset: str, claimable: int, pending: int, *, version: int | None = None, character: str | None = None, contributor: str | None = None, claimed: int | None = None) -> ShareEarnings: ...
    @property
    def token_id(self, /) -> int:
        """The token."""
    @property
    def class_id(self, /) -> int:
        """Its class."""
    @property
    def version(self, /) -> int | None:
        """The version whose revenue its shares have a part of; none in a class without versions."""
    @property
    def character(self, /) -> str | None:
        """The character's name."""
    @property
    def owner(self, /) -> str:
        """The owner."""
    @property
    def contributor(self, /) -> str | None:
        """The name under which the owner contributed to the version; none for who bought the token."""
    @property
    def shares(self, /) -> int:
        """Its shares."""
    @property
    def total_shares(self, /) -> int:
        """All shares of that revenue."""
    @property
    def asset(self, /) -> str:
        """The asset; the zero address stands for coins."""
    @property
    def claimed(self, /) -> int | None:
        """The amount that was claimed since the token was minted, by all its owners; none in a class without versions."""
    @property
    def claimable(self, /) -> int:
        """The amount that its owner can claim now."""
    @property
    def pending(self, /) -> int:
        """The amount that can be claimed once the ledger's last entries are confirmed."""

@final
class SignedModel:
    """A folder whose files are those that were signed."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, key: str, files: Sequence[str], *, account: str | None = None) -> SignedModel: ...
    @property
    def key(self, /) -> str:
        """The key that signed: SHA-256 of its PEM, as hex."""
    @property
    def account(self, /) -> str | None:
        """The account that stands for the key; without one, the signature tells nothing of who made the files."""
    @property
    def files(self, /) -> list[str]:
        """The files that were signed."""

@final
class SignedPayment:
    """A payment for one request, signed. Whoever has it can use it, once, to pay this payee."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, header: Header, network: str, asset: str, amount: int, pay_to: str, nonce: str, valid_before_s: int) -> SignedPayment: ...
    @property
    def header(self, /) -> Header:
        """The header that pays: the request is sent again with it."""
    @property
    def network(self, /) -> str:
        """The chain, as the server names it."""
    @property
    def asset(self, /) -> str:
        """Address of the ERC-20."""
    @property
    def amount(self, /) -> int:
        """The amount, in base units."""
    @property
    def pay_to(self, /) -> str:
        """The payee."""
    @property
    def nonce(self, /) -> str:
        """The payer's number for it: a chain takes it once."""
    @property
    def valid_before_s(self, /) -> int:
        """The time until which it can be taken, in seconds since 1970."""

@final
class SignedReceipt:
    """A receipt with the node's signature of it."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, receipt: Receipt, signature: str) -> SignedReceipt: ...
    @property
    def receipt(self, /) -> Receipt:
        """The receipt."""
    @property
    def signature(self, /) -> str:
        """The node's signature: `check_receipt` checks it."""

@final
class SigningRequest:
    """A request to a signer; enough for a wallet to show its user what is signed."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, digest: str, encode_type: str, struct_hash: str) -> SigningRequest: ...
    @property
    def digest(self, /) -> str:
        """The 32 bytes to sign, as hex: Keccak-256 of domain and struct (EIP-712)."""
    @property
    def encode_type(self, /) -> str:
        """`encodeType` of the value, such as `Voucher(bytes32 session,…)`; empty for a transaction."""
    @property
    def struct_hash(self, /) -> str:
        """`hashStruct` of the value; empty for a transaction."""

@final
class SpeechNote:
    """What a file says of its sound: it is synthetic, and a node signed for it."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, node: str, model: str, voice: SpokenVoice | Literal["base", "pitch_and_pace", "character"], characters: int, session: str, *, voice_digest: str | None = None) -> SpeechNote: ...
    @property
    def node(self, /) -> str:
        """The node's address."""
    @property
    def model(self, /) -> str:
        """The character's model: `dat:CLASS:VERSION`."""
    @property
    def voice(self, /) -> SpokenVoice:
        """Whose voice it is, as the node claims."""
    @property
    def voice_digest(self, /) -> str | None:
        """SHA-256 of the file that makes the voice; none of the base's own."""
    @property
    def characters(self, /) -> int:
        """Characters of the text."""
    @property
    def session(self, /) -> str:
        """The session in which it was spoken."""

@final
class SpendingLimit:
    """The most that is spent of one asset."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, network: str, asset: str, payment: int, total: int) -> SpendingLimit: ...
    @property
    def network(self, /) -> str:
        """The chain, as CAIP-2 names it: `eip155:8453`."""
    @property
    def asset(self, /) -> str:
        """Address of the ERC-20."""
    @property
    def payment(self, /) -> int:
        """The most for one payment, in base units."""
    @property
    def total(self, /) -> int:
        """The most in all, in base units. A payment counts from when it is signed."""

@final
class Spoken:
    """A text that was spoken and checked."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, wav: bytes, sample_rate: int, characters: int, owed: int, voice: SpokenVoice | Literal["base", "pitch_and_pace", "character"], *, payment: HttpRequest | None = None) -> Spoken: ...
    @property
    def wav(self, /) -> bytes:
        """A WAV file: one channel, 16 bits, with a signed note that it is synthetic (`speech_note`)."""
    @property
    def sample_rate(self, /) -> int:
        """Samples a second."""
    @property
    def characters(self, /) -> int:
        """Characters that are paid for."""
    @property
    def owed(self, /) -> int:
        """The amount owed for the session by now, in base units."""
    @property
    def voice(self, /) -> SpokenVoice:
        """Whose voice it is, as the node claims."""
    @property
    def payment(self, /) -> HttpRequest | None:
        """
        The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        owed.
        """

@final
class SubmissionFacts:
    """A submission and its state."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, submission: str, submitter: str, status: SubmissionStatus | Literal["pending", "accepted", "rejected", "refused", "minted"], root: str, tokens: int) -> SubmissionFacts: ...
    @property
    def submission(self, /) -> str:
        """Its id."""
    @property
    def submitter(self, /) -> str:
        """The submitter."""
    @property
    def status(self, /) -> SubmissionStatus:
        """Its state."""
    @property
    def root(self, /) -> str:
        """Root over all records."""
    @property
    def tokens(self, /) -> int:
        """Tokens of all records, as proved."""

@final
class TokenBias:
    """A bias of a token's score."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, token: int, bias_milli: int) -> TokenBias: ...
    @property
    def token(self, /) -> int:
        """The token's id."""
    @property
    def bias_milli(self, /) -> int:
        """Added to its score, in thousandths, at most 100000 either way."""

@final
class TokenCount:
    """Token counts of a conversation and some texts."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, prompt_tokens: int, ids: Sequence[Sequence[int]]) -> TokenCount: ...
    @property
    def prompt_tokens(self, /) -> int:
        """Tokens of the conversation before a reply."""
    @property
    def ids(self, /) -> list[list[int]]:
        """Token ids of each text."""

@final
class TokenFacts:
    """A token of a class."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, token_id: int, owner: str, shares: int, quota: int, expires_at_s: int, *, version: int | None = None) -> TokenFacts: ...
    @property
    def token_id(self, /) -> int:
        """Its id."""
    @property
    def owner(self, /) -> str:
        """The owner."""
    @property
    def shares(self, /) -> int:
        """Its weight in the revenue of its version."""
    @property
    def version(self, /) -> int | None:
        """The version whose revenue that is; none for a token without shares, or of a class without versions."""
    @property
    def quota(self, /) -> int:
        """Sessions that it pays for."""
    @property
    def expires_at_s(self, /) -> int:
        """Its quota can be used up to this time, seconds since 1970; 0 for ever."""

@final
class TrainedAdapter:
    """An adapter that was trained."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, folder: str | PathLike[str], digest: str, tokens: int, tokens_per_s: float, losses: Sequence[float]) -> TrainedAdapter: ...
    @property
    def folder(self, /) -> str:
        """Its folder, in PEFT's files."""
    @property
    def digest(self, /) -> str:
        """SHA-256 of its weights."""
    @property
    def tokens(self, /) -> int:
        """Tokens that were seen, repeats included."""
    @property
    def tokens_per_s(self, /) -> float:
        """Tokens per second; 0 if everything was done before."""
    @property
    def losses(self, /) -> list[float]:
        """Mean loss of each step, in nats per learnt token."""

@final
class TrainingSettings:
    """The settings of fine-tuning; the library chooses what is left out."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, *, epochs: int | None = None, max_steps: int | None = None, block_tokens: int | None = None, learning_rate_micro: int | None = None, rank: int | None = None, alpha: int | None = None, seed: int | None = None) -> TrainingSettings: ...
    @property
    def epochs(self, /) -> int | None:
        """The number of passes over each dialogue."""
    @property
    def max_steps(self, /) -> int | None:
        """Most steps, whatever the epochs."""
    @property
    def block_tokens(self, /) -> int | None:
        """Tokens of one step."""
    @property
    def learning_rate_micro(self, /) -> int | None:
        """Peak learning rate, in millionths."""
    @property
    def rank(self, /) -> int | None:
        """Rank of the update (LoRA, arXiv:2106.09685)."""
    @property
    def alpha(self, /) -> int | None:
        """The update is multiplied by `alpha / rank`."""
    @property
    def seed(self, /) -> int | None:
        """Seed of the adapter's initial values and of the order of dialogues."""

@final
class Voucher:
    """A promise to pay: the sum of all replies of a session so far."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, session: str, node: str, class_id: int, version: int, cumulative: int) -> Voucher: ...
    @property
    def session(self, /) -> str:
        """The session."""
    @property
    def node(self, /) -> str:
        """The node that may redeem it."""
    @property
    def class_id(self, /) -> int:
        """The class that is served."""
    @property
    def version(self, /) -> int:
        """The version that is served."""
    @property
    def cumulative(self, /) -> int:
        """The amount owed so far, in base units."""

@final
class WalletCall:
    """A transaction for a wallet to send, as `eth_sendTransaction` takes it, without the sender."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __new__(cls, to: str, value: str, data: str) -> WalletCall: ...
    @property
    def to(self, /) -> str:
        """The contract."""
    @property
    def value(self, /) -> str:
        """Coins that go with it, in base units, as hex without leading zeros."""
    @property
    def data(self, /) -> str:
        """The calldata, as hex."""

@final
class BaseModel:
    """A base model in memory: as 32-bit floats where it is trained, packed as in its file where nodes serve it."""
    @staticmethod
    def open(path: str | PathLike[str]) -> BaseModel:
        """
        Reads a GGUF file, or a folder as Hugging Face has them, to compute on the processor: in 32-bit floats, or, where a node
        serves it, as the file has it.

        Errors: `file`, `model`.
        """
    @property
    def name(self, /) -> str:
        """The name in its file."""
    @property
    def digest(self, /) -> str:
        """SHA-256 of its file."""
    def train(self, /, dataset: str | PathLike[str], settings: TrainingSettings, folder: str | PathLike[str], on_progress: Callable[[Progress], object] | None = None) -> TrainedAdapter:
        """
        Fine-tunes it on a dataset, but for the records that execution nodes hold out to measure (a twentieth of 20 and more), and writes the adapter in PEFT's files. After it was killed or cancelled, a run
        continues from its checkpoints in the folder.

        `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.

        Errors: `file`, `pov.…`, `zk.commitment`, `model`, `cancelled`.
        """
    def generate(self, /, messages: Sequence[Message], adapter: str | PathLike[str] | None = None, settings: ReplySettings | None = None, on_text: Callable[[str], object] | None = None) -> str:
        """
        Answers a conversation, without any market: the bare model, or with an adapter in a folder of PEFT's files. Gives the
        reply. The same seed gives the same reply on the same kind of machine; without one, 0 is taken.

        `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.

        Errors: `dialogue.empty` without a message, `file`, `model`, `node.setting`.
        """
    def adapter(self, /, folder: str | PathLike[str]) -> AdapterFacts:
        """
        Describes an adapter in a folder of PEFT's files; it must be for this model.

        Errors: `file`, `model`.
        """

@final
class BaseVoice:
    """A base voice in memory. It reads English texts."""
    @staticmethod
    def open(package: str | PathLike[str]) -> BaseVoice:
        """
        Opens the assets of the pinned package (`hibari-tts` 0.2.1), in its folder `assets`.

        Errors: `model` for a file that is missing, or another.
        """
    def speak(self, /, text: str, voice_folder: str | PathLike[str] | None = None, speed_milli: int | None = None) -> bytes:
        """
        Speaks a text on this machine, with the voice in a folder (`MintedModel.voice_folder`), or with the
        base's own; gives a WAV file. Nobody signs for it. The pace is in thousandths of the voice's own, from 500 to 2,000.

        Errors: `model` for a folder without a voice, or a text of which nothing can be spoken; `request.invalid` for a pace out of range.
        """

@final
class Blocklist:
    """A consumer's list of blocked characters, kept by the consumer's app."""
    @staticmethod
    def from_json(json: str) -> Blocklist:
        """
        A list from `to_json`; `[]` is an empty one.

        Errors: `json.malformed`.
        """
    def to_json(self, /) -> str:
        """The list as JSON."""
    def block(self, /, class_id: int) -> None:
        """Blocks a character, all versions of it."""
    def unblock(self, /, class_id: int) -> None:
        """Unblocks a character."""
    def is_blocked(self, /, class_id: int) -> bool:
        """Tells whether a character is blocked."""

@final
class Character:
    """A character, out of a card of any format (V1, V2, V3; JSON, PNG, APNG, WebP, CHARX) or an Eliza file."""
    @staticmethod
    def from_bytes(bytes: bytes) -> Character:
        """
        Reads a card.

        Errors: `card.…`.
        """
    @property
    def name(self, /) -> str:
        """The character's name."""
    @property
    def creator(self, /) -> str:
        """The author of the card."""
    @property
    def tags(self, /) -> list[str]:
        """Search words."""
    def greeting(self, /, index: int, user: str) -> str | None:
        """First message `index`: 0 is the card's own, then come the alternate ones. Macros are filled in."""
    def prompt(self, /, messages: Sequence[Message]) -> list[Message]:
        """
        The messages that a model gets for a conversation with the card before it: as nodes build them for a character that was
        published with `prompted`. The card's system prompt, who the character is, examples, lore that the conversation brings up.

        Errors: `card.…` if its lorebook cannot be published.
        """
    def system_prompt(self, /, user: str) -> str:
        """
        The words before a conversation, as its system message, where a node adds none: the card's system prompt, lore that is
        always there, who the character is, examples, and what comes after the conversation.
        """
    def persona(self, /, user: str) -> str:
        """The part of the system prompt about the character: description, personality and scenario."""
    def examples(self, /, user: str) -> str:
        """The part of the system prompt with examples of the character's speech."""
    @property
    def lorebook_entries(self, /) -> int:
        """Entries of its lorebook."""
    @property
    def notes(self, /) -> list[FileNote]:
        """Notes on data that was dropped, merged or repaired when the card was read."""
    def to_v2_json(self, /) -> str:
        """The card as JSON of version 2; data without a place in V2 is kept under `extensions`."""
    def to_v3_json(self, /) -> str:
        """The card as JSON of version 3."""
    def to_png(self, /, image: bytes) -> bytes:
        """
        The card inside a PNG image, for readers of V2 and V3.

        Errors: `card.damaged`, `card.too_large`.
        """

@final
class Chat:
    """A conversation in an open session."""
    def __new__(cls, conversation: str, domain: Domain, signer: Signer) -> Chat:
        """
        A conversation, from `to_json` or as the session began; `domain` is the ledger's, the signer the
        session's consumer.

        Errors: `json.malformed`, `hex.…`.
        """
    def recount_with(self, /, counter: TokenCounter) -> None:
        """Recounts every receipt from now on, instead of only holding it to bounds."""
    def to_json(self, /) -> str:
        """The conversation, to be kept, and shown as evidence."""
    @property
    def messages(self, /) -> list[Message]:
        """The messages so far: a copy, without what was recalled."""
    @property
    def receipts(self, /) -> list[SignedReceipt]:
        """The node's receipts, one for each reply: copies."""
    @property
    def owed(self, /) -> int:
        """The amount owed for the session so far, in base units."""
    def ask(self, /, messages: Sequence[Message], settings: ReplySettings | None = None) -> HttpRequest:
        """
        Signs a request for the next reply; `messages` are the whole conversation.

        Errors: `chat.unpaid` if the last reply must be paid first, `node.setting`, `signer.…`.
        """
    def hear(self, /, bytes: bytes) -> list[str]:
        """
        Takes bytes of the answer's body as they come; returns the pieces of text that they complete.

        Errors: `chat.no_request`, `node.…`.
        """
    def refusal(self, /, status: int, body: bytes) -> LazaiError:
        """The node's error, from an answer without a success status."""
    def finish(self, /) -> ChatTurn:
        """
        Checks the received reply against request and offer, and signs its payment. On error nothing is promised, and the
        same request can be sent again.

        Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
        """
    def paid(self, /) -> None:
        """Notes that the node has the payment."""
    def say(self, /, text: str, settings: ReplySettings, node: NodeClient, on_text: Callable[[str], object] | None = None) -> ChatTurn:
        """
        Sends a message, receives the reply, checks it and pays for it, over a transport. First sends a payment that did not
        get through.

        `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.

        Errors: `node.…`, `consumer.…`, `signer.…`.
        """
    def remember_with(self, /, memory: Memory, max_tokens: int, summaries: bool) -> None:
        """
        Recalls what was said before into each message from now on, within so many tokens (each byte is taken for one), and remembers each
        turn. With `summaries`, the character sums up when a conversation begins what was said since its last summary, which
        `say` pays as any reply.
        """
    @property
    def recalled(self, /) -> MemoryRecall | None:
        """What was recalled for the last message; none without a memory."""
    def ask_speech(self, /, text: str, speech_terms: str, speed_milli: int | None = None, most: int | None = None) -> HttpRequest:
        """
        Signs a request for a text to be spoken with the character's voice, as the next turn, under a node's terms
        (`ModelOffer.speech_terms`): at most `most` is paid, in base units; none for what one reply may cost under the
        session's offer. The pace is in thousandths of the voice's own, from 500 to 2,000; none for its own.

        Errors: `chat.unpaid` if the last turn must be paid first, `consumer.price` if it costs more, `consumer.receipt` if the terms are not of this
        session or do not allow the text, `node.setting`, `json.malformed`, `money.not_decimal`, `signer.…`.
        """
    def hear_speech(self, /, bytes: bytes) -> bytes:
        """
        Takes bytes of the answer's body as they come; returns the samples that they complete, not checked yet: one channel, 16 bits,
        little-endian.

        Errors: `chat.no_request`, `node.…`.
        """
    def finish_speech(self, /) -> Spoken:
        """
        Checks the received speech against request and terms, and signs its payment. On error nothing is promised, and the
        same request can be sent again.

        Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
        """
    def speak(self, /, text: str, speech_terms: str, node: NodeClient, speed_milli: int | None = None, most: int | None = None, on_sound: Callable[[bytes, int], object] | None = None) -> Spoken:
        """
        Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character, over a
        transport. First sends a payment that did not get through. Terms, pace and limit are those of `ask_speech`.

        `on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `False`. An error that it raises is raised when the work has ended.

        Errors: `consumer.price` if it costs more than `most`, `node.setting` for a pace or a text that it does not speak, other `node.…`,
        `consumer.…`, `json.malformed`, `signer.…`; the same can be asked for again.
        """

@final
class ExEx:
    """An execution node."""
    def __new__(cls, market: Market, signer: Signer, unsealing_secret: str, store: str | PathLike[str], folder: str | PathLike[str]) -> ExEx:
        """
        An execution node on a market: its account, the 32 secret bytes (hex) that its unsealing key is derived from, the store
        that submissions are in, and a folder for jobs, checkpoints and adapters. These are in clear, and the
        training record says so.

        Errors: `hex.…`; `store`, `feature_missing` for a store's URL.
        """
    @staticmethod
    def sealing(market: Market, signer: Signer, unsealing_secret: str, store: str | PathLike[str], folder: str | PathLike[str]) -> ExEx:
        """
        As `new`, with checkpoints, adapters and voices encrypted for the unsealing key before they are written: `export` gives them away.

        Errors: As `new`.
        """
    def export(self, /, submission: str, folder: str | PathLike[str]) -> None:
        """
        Writes a submission's adapter into a folder as PEFT's files, in clear and signed, and its voice into the folder `voice` of it.

        Errors: `file`, `signer.…`.
        """
    def train_voices(self, /, voice: BaseVoice) -> None:
        """Trains voices, too, from now on: of submissions that have recordings whose consent names the voice."""
    @property
    def contact(self, /) -> ExExContact:
        """The contact that creators seal datasets to."""
    def follow(self, /) -> list[str]:
        """
        Follows the ledger from its last position; returns the submissions that were accepted for this node and wait for a
        model.

        Errors: `ledger…`, `file`.
        """
    def fine_tune(self, /, submission: str, base: BaseModel, settings: TrainingSettings, terms: ModelTerms, on_progress: Callable[[Progress], object] | None = None) -> MintedModel:
        """
        Decrypts a submission, checks it against what was proved, fine-tunes on it, and mints the model with a signed record
        of the training. The same call continues after it was killed, cancelled, or too early to mint.

        `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.

        Errors: `submission.…`, `model`, `cancelled`, `store`, `file`,
        `ledger.too_early` and others of the ledger, `signer.…`.
        """

@final
class LocalKey:
    """A key in this process's memory: wiped when dropped, never printed."""
    @staticmethod
    def random() -> LocalKey:
        """
        A fresh key.

        Errors: `signer.no_randomness`.
        """
    @staticmethod
    def from_hex(secret: str) -> LocalKey:
        """
        The key of these 32 bytes, as hex.

        Errors: `hex.…`, `signer.invalid_key`.
        """
    @property
    def address(self, /) -> str:
        """Its address."""
    def sign_digest(self, /, digest: str) -> str:
        """
        Signs any 32 bytes, as hex (RFC 6979: the same bytes get the same signature).

        Errors: `hex.…`.
        """
    @staticmethod
    def from_keystore(path: str | PathLike[str], password: str) -> LocalKey:
        """
        The key in a keystore file (Web3 Secret Storage, version 3), as Ethereum wallets write them.

        Errors: `keystore` for a wrong password or another file.
        """
    def to_keystore(self, /, folder: str | PathLike[str], name: str, password: str) -> None:
        """
        Writes the key to a keystore file in a folder, under a name; a file of that name is replaced.

        Errors: `keystore`.
        """
    def sign(self, /, request: SigningRequest) -> str:
        """Signs a request to a signer."""

@final
class Market:
    """
    A market on a ledger.
    A context manager: the ledger is closed at its end.
    """
    def agent_file(self, /, class_id: int, version: int, urls: Sequence[str], x402: bool, registrations: Sequence[AgentRegistration], image: str | None = None) -> str:
        """
        The registration file of a version as an agent, as JSON: `urls` are those of its nodes, or those of its token if there is none;
        `x402` says whether they take payments by x402.

        Errors: `dat.unknown`, `hex.…`.
        """
    def dat(self, /, class_id: int, version: int) -> DatFacts:
        """
        The metadata of a version of a class.

        Errors: `dat.unknown`.
        """
    def tokens(self, /, class_id: int) -> list[TokenFacts]:
        """The tokens of a class, with their shares of its revenue and their quotas."""
    def claim(self, /, owner: Signer, label: str, token_id: int, asset: str) -> int:
        """
        Claims a token's earnings in an asset (zero address: coins), as its owner; returns the amount, in base units.
        `label` makes it idempotent: one label is one claim.

        Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
        """
    def evidence(self, /, store: str | PathLike[str], record: str | PathLike[str], conversation: str) -> str:
        """
        Gathers the evidence for the last reply of a conversation from the ledger and a store; `record` is the file of the
        signed training record. For `verify_evidence`.

        Errors: `file`, `json.malformed`, `ledger…`, `provenance.unreadable`.
        """
    def anchor(self, /, base_digest: str) -> str:
        """
        The trust anchor that this copy of the ledger gives now, for a base model that its keeper trusts.

        Errors: `hex.…`.
        """
    def bond(self, /, node: str) -> NodeBond:
        """
        The bond of a node.

        Errors: `hex.…`.
        """
    def post_bond(self, /, signer: Signer, label: str, amount: int) -> None:
        """
        Adds to the signer's bond, as a node. The same label again changes nothing.

        Errors: `market`, `ledger…`, `signer.…`, `money.not_decimal`.
        """
    def leave_bond(self, /, signer: Signer, label: str, amount: int) -> None:
        """
        Begins to take a part of the signer's bond back. The same label again changes nothing.

        Errors: `market`, `ledger…`, `signer.…`, `money.not_decimal`.
        """
    def take_bond(self, /, signer: Signer, label: str) -> None:
        """
        Takes the part of the signer's bond that has left. The same label again changes nothing.

        Errors: `market`, `ledger…`, `signer.…`.
        """
    def open_dispute(self, /, signer: Signer, evidence: str | bytes, stake: int) -> str:
        """
        Doubts the reply that some evidence is of (JSON, as a repeat takes it), with a stake in base units of coins; by its session's consumer
        or payer. Gives the name of the dispute. Nothing of the words goes to the ledger: show the evidence to validators whom you
        trust with the conversation.

        Errors: `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `market`, `ledger…`, `signer.…`,
        `money.not_decimal`.
        """
    def dispute_training(self, /, signer: Signer, submission: str, training_state: int, stake: int) -> str:
        """
        Doubts a training at one state of its record, with a stake in base units of coins; by the submitter or a contributor. Gives the name of
        the dispute.

        Errors: `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
        """
    def vote_on_dispute(self, /, signer: Signer, dispute: str, same: bool) -> None:
        """
        Votes on a dispute, as a validator who repeated the reply or the steps of training: true for the same.

        Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
        """
    def lapse_dispute(self, /, signer: Signer, dispute: str) -> None:
        """
        Ends a dispute that was not decided in time; anyone may.

        Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
        """
    def dispute(self, /, dispute: str) -> Dispute:
        """
        A dispute, by its name.

        Errors: `market`, `hex.…`.
        """
    @property
    def disputes(self, /) -> list[Dispute]:
        """All disputes."""
    def share_earnings(self, /, owner: str | None = None, class_id: int | None = None) -> list[ShareEarnings]:
        """
        What share tokens earned, by token and asset: of an owner or of all, of a class or of all.

        Errors: `hex.…`, `market`.
        """
    def book_earnings(self, /, book: str | PathLike[str]) -> list[NodeEarnings]:
        """
        What a node earned by each version, by the folder of its book: also while the node runs.

        Errors: `node.book`, `node.money`.
        """
    @staticmethod
    def open_folder(folder: str | PathLike[str]) -> Market:
        """
        The market in a folder: an embedded ledger in `ledger/`, begun as `genesis.json` says. Several processes may have it
        open, but on Android.

        Errors: `file`, `json.malformed`, `ledger`.
        """
    @staticmethod
    def found_folder(folder: str | PathLike[str], founding: Founding) -> Market:
        """
        Founds a market in a folder, or opens the one that was founded there with the same founding.

        Errors: `market` if that was another founding (`open_folder` opens it), `hex.…`, `money.not_decimal`, `file`,
        `json.malformed`, `ledger`.
        """
    @staticmethod
    def on_chain(url: str, deployment: str, outbox: str | PathLike[str] | None = None, depth_blocks: int = 12) -> Market:
        """
        The market on an EVM chain: the URL of a chain's node, the JSON with the contracts' addresses, a folder that keeps
        transactions until they are confirmed and the blocks that were read, and the number of confirmations (12).

        Errors: `json.malformed`, `ledger`.
        """
    def refresh(self, /) -> None:
        """
        Reads what is new on the ledger.

        Errors: `ledger…`.
        """
    @property
    def place(self, /) -> MarketPlace | None:
        """The market's addresses for wallets; none in a folder."""
    @property
    def ledger_id(self, /) -> str:
        """The ledger's id."""
    @property
    def domain(self, /) -> Domain:
        """The domain of everything that is signed for it."""
    def balance(self, /, account: str, asset: str) -> int:
        """
        The balance of an account in an asset (zero address: coins), in base units.

        Errors: `hex.…`.
        """
    def split(self, /, amount: int) -> RevenueParts:
        """
        The split of revenue that binds sessions opened now, for an amount.

        Errors: `money.not_decimal`.
        """
    def open_session(self, /, payer: Signer, consumer: Signer, nonce: int, model: ModelOffer, deposit: int) -> str:
        """
        Opens the payer's session number `nonce` with a deposit in base units; `consumer` is the address of the key that
        will talk. Returns the conversation, as `Chat` takes it. The same call again returns the same.

        Errors: `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
        """
    def proposals(self, /) -> list[Proposal]:
        """All proposals, the oldest first."""
    def vote(self, /, voter: Signer, proposal: int, in_favour: bool) -> None:
        """
        Votes on a proposal. The same vote again changes nothing; another is refused, and so is one after the execution.

        Errors: `market`, `ledger…`, `signer.…`.
        """
    def execute(self, /, voter: Signer, proposal: int) -> None:
        """
        Executes a proposal that passed; its changes bind sessions opened after it. Executing again changes nothing.

        Errors: `market`, `ledger…`, `signer.…`.
        """
    def propose_split(self, /, voter: Signer, label: str, creator_bps: int, node_bps: int, pool_bps: int) -> int | None:
        """
        Proposes another split, in basis points; returns the proposal's number. `label` is the proposer's own name for it: the
        same label again gives the same proposal.

        Errors: `market`, `ledger…`, `signer.…`.
        """
    def submit(self, /, creator: Signer, store: str | PathLike[str], nonce: int, dataset: str | PathLike[str], public_part: str | PathLike[str], proof: ProofFiles, exex: ExExContact, contributors: Sequence[Signer], lineage: Lineage | None = None) -> str:
        """
        Submits a dataset as its creator: encrypts it, seals its key to an execution node, has each contributor sign, and
        keeps ciphertext, statement and proof in a store, a folder. `nonce` and files must be those it was proved with;
        otherwise the proof is refused. Without a lineage its model becomes the first version of a new class. Returns the
        id.

        Errors: `submission.lineage`, `file`, `pov.…`, `zk.…`, `hex.…`, `creator.no_signer`, `seal`, `store`, `signer.…`, `market`, `ledger…`.
        """
    def pending(self, /, validator: str) -> list[str]:
        """
        Submissions that wait for the verdict of a validator, an account.

        Errors: `hex.…`, `ledger…`.
        """
    def attest(self, /, validator: Signer, store: str | PathLike[str], submission: str, verdicts: str | PathLike[str] | None = None) -> SubmissionFacts:
        """
        Verifies a submission as a validator, from the store's data, and attests it: proof, public part, consents and the
        ciphertext's digest, never the private data. The signed verdict is kept in the folder `verdicts`, or without one in the
        store's folder `signed`, and another verdict on the same submission is refused (`submission.signed_otherwise`): two would cost
        stake. A store behind a URL needs that folder.

        Errors: The reason not to attest: `zk.…`, `pov.…`, `submission.…`, `store`, `file`; or `market`, `ledger…`, `signer.…`.
        """
    def submission(self, /, submission: str) -> SubmissionFacts:
        """
        The state of a submission, as far as the ledger was read.

        Errors: `hex.…`, `submission.unknown`.
        """
    def talk(self, /, node: str, signer: Signer, deposit: int, model: str | None = None, system: str | None = None) -> Session:
        """
        Opens a session at a node, whose URL is given, with the character of this id among its models, or with the first. The
        key pays a deposit, in base units, and signs what is said. `system` are words before the conversation, after
        the character's card, which a node adds by itself if the version was published with it.

        Errors: `request.model` if the node offers no such character, `node.deposit_exhausted` if the deposit does not cover one reply
        (`offer_step`), other `node.…`, `market`, `ledger…`, `signer.…`, `money.not_decimal`.
        """
    def talk_on(self, /, node: str, signer: Signer, conversation: str) -> Session:
        """
        Continues a session that `Session.to_json` kept.

        Errors: `json.malformed`, `node.transport` if it is no URL of HTTP, `hex.…`.
        """
    def sign_model(self, /, signer: Signer, folder: str | PathLike[str], key: str | PathLike[str]) -> SignedModel:
        """
        As `sign_model`; the signer's account stands for the key.

        Errors: As `sign_model`; `signer.…`.
        """
    def fetch_adapter(self, /, store: str | PathLike[str], class_id: int, version: int, folder: str | PathLike[str]) -> None:
        """
        Fetches the adapter of a version from a store into a folder, as PEFT's files. The ledger says what it is: anything else is refused.

        Errors: `dat.unknown`, `file`, `store`, `feature_missing`.
        """
    def fetch_sealed_adapter(self, /, signer: Signer, store: str | PathLike[str], class_id: int, version: int, folder: str | PathLike[str]) -> None:
        """
        As `fetch_adapter`, with weights that are encrypted before they are written: only this signer's node opens
        them. It has to sign the same alike each time.

        Errors: As `fetch_adapter`; `signer.…`.
        """
    def __enter__(self, /) -> Market: ...
    def __exit__(self, /, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None) -> None: ...

@final
class Memory:
    """What was said before, sealed to its owner's key."""
    def note(self, /, text: str, at_s: int) -> str:
        """
        Adds a note of the user's own, said at a time in seconds since 1970; returns its number.

        Errors: `memory.empty`, `memory.too_large`, `file`, `memory.…`.
        """
    def list(self, /) -> list[MemoryEntry]:
        """
        The entries, the oldest first.

        Errors: `file`, `memory.…`.
        """
    def recall(self, /, said: str, max_tokens: int) -> MemoryRecall:
        """
        What a message would recall, within so many tokens; each byte is taken for one.

        Errors: `file`, `memory.…`.
        """
    def edit(self, /, id: str, text: str) -> None:
        """
        Changes an entry's words.

        Errors: `memory.unknown_entry`, `memory.empty`, `memory.too_large`, `file`, `memory.…`.
        """
    def pin(self, /, id: str, pinned: bool) -> None:
        """
        Has an entry in every prompt, as far as the budget reaches, or no longer.

        Errors: `memory.unknown_entry`, `file`, `memory.…`.
        """
    def forget(self, /, ids: Sequence[str]) -> None:
        """
        Forgets entries: all of these, or none. They are gone from the file, too; copies of it still have them.

        Errors: `memory.unknown_entry`, `file`, `memory.…`.
        """
    def forget_all(self, /) -> None:
        """
        Forgets everything.

        Errors: `file`, `memory.…`.
        """
    def export_lines(self, /) -> str:
        """
        The entries in clear, as JSON, one a line.

        Errors: `file`, `memory.…`.
        """
    def import_lines(self, /, lines: str) -> int:
        """
        Adds the entries of `export_lines` that are not here yet; returns how many. A wrong line adds none.

        Errors: `memory.malformed`, `memory.too_large`, `file`, `memory.…`.
        """
    def to_bytes(self, /) -> bytes:
        """
        The memory, sealed: for a store, a page's storage, or another device of the same key.

        Errors: `seal`, `file`, `memory.…`.
        """
    def find_by_meaning(self, /, encoder_folder: str | PathLike[str]) -> None:
        """
        Finds what is recalled by its meaning, too, from now on, with a sentence encoder on this device: a folder as `sentence-transformers`
        writes it, of BERT's kind, such as `all-MiniLM-L6-v2`. The vectors of what is remembered are made when something is recalled, and
        kept in a file beside the memory's, sealed to the same key.

        Errors: `model`.
        """

@final
class NodeClient:
    """A node behind a URL, over this library's own HTTP and TLS."""
    def __new__(cls, url: str) -> NodeClient:
        """
        A node at a URL such as `https://node.example`; nothing is asked yet.

        Errors: `node.transport` if it is no URL of HTTP.
        """
    @staticmethod
    def trusting(url: str, certificates: str) -> NodeClient:
        """
        A node whose certificate is held to these certificate authorities (PEM) instead of public ones.

        Errors: As `new`; `node.transport` if there is no certificate in the text.
        """
    @staticmethod
    def relayed(url: str, relay: str) -> NodeClient:
        """
        A node by way of an oblivious relay, such as `https://relay.example`: the relay sees who asks and nothing of what, the node sees
        the relay. What is said is sealed, or not sent. `Session`s know whose key it has to be; for a
        `Chat`, say it first (`hold_to`).

        Errors: `node.transport` if one is no URL of HTTP.
        """
    def hold_to(self, /, domain: Domain, node: str) -> None:
        """
        Holds the node to an address, that of its offer, in the ledger's domain: requests are sealed to keys that it signed. The first
        call counts.

        Errors: `hex.…`, `address`.
        """
    def models(self, /) -> list[ModelOffer]:
        """
        The characters that the node offers.

        Errors: `node.…`.
        """

@final
class NodeServer:
    """
    A node with an HTTP front like OpenAI's, on threads of its own until it is stopped.
    A context manager: it stops listening at its end.
    """
    def earnings(self, /) -> list[NodeEarnings]:
        """
        What it earned by each version, by its book and the ledger.

        Errors: `node.book`, `node.money`.
        """
    @staticmethod
    def start(market: Market, signer: Signer, base: BaseModel, served: Sequence[ServedModel], reply_tokens: int, folder: str | PathLike[str], address: str) -> NodeServer:
        """
        Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any). A folder keeps its session
        book; replies have at most `reply_tokens` tokens.

        Errors: `model` if an adapter is not the one that the ledger names, `dat.unknown` if the ledger has no such version, `market` for terms
        beyond its limits, `money.not_decimal`, `io` for an address that cannot be had.
        """
    @property
    def url(self, /) -> str:
        """Its URL."""
    def redeem(self, /) -> int:
        """
        Redeems the last voucher of every session; returns the number of those that could not be redeemed now.

        Errors: `node.…`.
        """
    def stop(self, /) -> None:
        """Stops listening; replies in progress are finished."""
    def __enter__(self, /) -> NodeServer: ...
    def __exit__(self, /, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None) -> None: ...

@final
class Payer:
    """
    A payer of any server that speaks x402, within limits. It has no network: an app sends a request, gives the answer with status 402 to
    `pay`, sends the request again with the header that it gets, and gives that answer to `answered`.
    """
    def __new__(cls, signer: Signer, limits: Sequence[SpendingLimit], book: str | None = None) -> Payer:
        """
        A payer; `book` is what `to_json` gave before. Of several prices it pays the one of the first limit that any is
        in, and of those the lowest.

        Errors: `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`, `json.malformed`.
        """
    def to_json(self, /) -> str:
        """What was signed so far, to be kept before a payment is sent: it holds signed payments."""
    def spent(self, /, network: str, asset: str) -> int:
        """
        What was signed for of an asset so far, in base units.

        Errors: `payment.unsafe`, `hex.…`.
        """
    def open(self, /, request: str, now_s: int) -> SignedPayment | None:
        """
        The payment that was signed for a request and may still be taken: the request is sent with it again. `request` names the request,
        as for `pay`.
        """
    def pay(self, /, request: str, headers: Sequence[Header], body: bytes, now_s: int) -> SignedPayment:
        """
        Signs a payment for a request that was answered with status 402, these headers and this body; or gives the one that was signed
        for it. `request` is any text that names the request, such as its method, URL and body: the same text gets the same payment until
        it is answered.

        Errors: `payment.malformed`, `payment.no_price`, `payment.over_limit`, `payment.changed`, `payment.too_many_open`, `signer.…`; then
        nothing was signed.
        """
    def answered(self, /, payment: SignedPayment, status: int, headers: Sequence[Header], body: bytes) -> PaymentOutcome | None:
        """
        Takes the answer to a request that was sent with a payment. Once it is served, the same request is another purchase. What the
        server says of the payment, if it says something.

        Errors: `payment.changed` and `payment.refused` for status 402; `hex.…`, `money.not_decimal` for a payment that is none.
        """

@final
class PayingClient:
    """
    A client of any server that speaks x402, over this library's own HTTP and TLS: it pays within limits, and sends a payment again whose
    answer was lost.
    """
    @staticmethod
    def open(book: str | PathLike[str], signer: Signer, limits: Sequence[SpendingLimit]) -> PayingClient:
        """
        A client whose book is a file, which is made if it is not there: the limits hold over every start, and a payment whose answer was
        lost is sent again by the next one. One process has the file at a time.

        Errors: `file`, `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`.
        """
    def buy(self, /, method: str, url: str, headers: Sequence[Header], body: bytes) -> PaidAnswer:
        """
        Sends a request to an `https` URL, or an `http` one on this machine; pays if the server wants that, at most once, and sends it
        again with the payment.

        Errors: `payment.…`, `signer.…`, `file`. After `payment.unanswered` and `payment.refused` the same request goes out with the same payment.
        """
    def prices(self, /, method: str, url: str, headers: Sequence[Header], body: bytes) -> list[ServerPrice]:
        """
        The prices of a request that can be paid; none if the server answers without a payment. Nothing is paid.

        Errors: `payment.transport`, `payment.malformed`, `payment.unsafe`.
        """

@final
class SealedPost:
    """
    A request sealed to its node's key, and the opener of the answer. A transport posts `body` instead of the request, gives
    the bytes of the answer to `open`, and what comes of these to its sink; the status is inside. An answer with another
    status than 200 is not sealed: the gateway, or somebody on the way, refused the request.
    """
    def __new__(cls, request: HttpRequest, seal_terms: str, domain: Domain, node: str) -> SealedPost:
        """
        Seals a request under the terms that a node tells with its models
        (`ModelOffer.seal_terms`), held to the node of the session's offer in the ledger's domain.

        Errors: `node.unsealed` if the terms are over, or not signed by that node; `json.malformed`, `hex.…`, `address`, `seal`.
        """
    @property
    def path(self, /) -> str:
        """Path under the node's URL, or under its place at a relay."""
    @property
    def content_type(self, /) -> str:
        """The header `content-type`."""
    @property
    def body(self, /) -> bytes:
        """What is posted: a copy."""
    def open(self, /, bytes: bytes) -> bytes:
        """
        Takes bytes of the answer as they come; returns the bytes of its body that they complete.

        Errors: `node.transport` if somebody changed it, or for anything but an answer to this request.
        """
    def finish(self, /) -> bytes:
        """
        The last bytes of the answer's body, once nothing more comes.

        Errors: `node.transport` if the answer was cut off.
        """
    @property
    def status(self, /) -> int | None:
        """The answer's own status, once it came."""

@final
class Session:
    """
    A session with a character at a node. Turns wait for one another, and the end waits for them.
    A context manager: the session is ended at its end, also where something was raised.
    """
    def remember_with(self, /, memory: Memory, max_tokens: int, summaries: bool, counter: TokenCounter | None = None) -> None:
        """
        Recalls what was said before into each message from now on, within so many tokens, and remembers each turn. `counter` is that of
        the base model. With `summaries`, the character sums up when a conversation begins what was said since its last summary: a
        reply that is paid as any other. Not while something is said.
        """
    @property
    def recalled(self, /) -> MemoryRecall | None:
        """What was recalled for the last message; none without a memory."""
    @property
    def id(self, /) -> str:
        """Its id on the ledger."""
    def recount_with(self, /, counter: TokenCounter) -> None:
        """Has every receipt from now on recounted, rather than held to bounds. Not while something is said."""
    def say(self, /, text: str, settings: ReplySettings | None = None, on_text: Callable[[str], object] | None = None) -> ChatTurn:
        """
        Sends a message, receives the reply, checks it and pays for it. First sends a payment that did not get through.

        `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.

        Errors: `node.…`, `consumer.…`, `signer.…`; the same message can be sent again.
        """
    @property
    def receipts(self, /) -> list[SignedReceipt]:
        """The node's receipts, one for each reply: copies."""
    @property
    def owed(self, /) -> int:
        """The amount owed for the session so far, in base units."""
    def to_json(self, /) -> str:
        """The conversation with its receipts: to continue later (`Market.talk_on`), and as evidence."""
    def end(self, /) -> int:
        """
        Ends the session together with the node, which redeems what it is owed; gives what is left of the deposit, in base units,
        which is the payer's again. Ending again gives the same.

        Errors: `node.…`, `consumer.…`, `market`, `ledger…`, `signer.…`.
        """
    def take_back(self, /) -> int | None:
        """
        Takes back what is left of the deposit without the node, in two steps. The first asks the ledger for the session's end and
        gives when that is final (seconds since 1970), for the node may redeem until then; called again after that time, it
        ends the session, and gives none.

        Errors: `market`, `ledger…`, `signer.…`.
        """
    def speak(self, /, text: str, speed_milli: int | None = None, most: int | None = None, on_sound: Callable[[bytes, int], object] | None = None) -> Spoken:
        """
        Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character: at most
        `most`, in base units; none for what one reply may cost under the session's offer. The pace is in thousandths of the voice's
        own, from 500 to 2,000; none for its own.

        `on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `False`. An error that it raises is raised when the work has ended.

        Errors: `consumer.price` if it costs more, `node.not_served` if the node has no voice for it, `node.setting` for a pace or a text that it does not speak, other
        `node.…`, `consumer.…`, `signer.…`; the same can be asked for again.
        """
    def speech_terms(self, /) -> str | None:
        """
        The node's signed terms of speech of now, as JSON: `Chat.speak` takes them. They hold for minutes; none if the node does not speak for
        this character. A voice that is said to be the character's is held to the ledger.

        Errors: `consumer.receipt` for another voice than the token's, `node.…`.
        """
    def speech_price(self, /, text: str) -> int:
        """
        What the node asks for speaking a text, in base units.

        Errors: `node.not_served` if it does not speak for this character, other `node.…`, `money.overflow`.
        """
    def __enter__(self, /) -> Session: ...
    def __exit__(self, /, kind: type[BaseException] | None = None, error: BaseException | None = None, trace: TracebackType | None = None) -> None: ...

@final
class TokenCounter:
    """Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights."""
    @staticmethod
    def from_gguf(bytes: bytes) -> TokenCounter:
        """
        A counter from the beginning of a GGUF file, or all of it: its header is enough, some megabytes.

        Errors: `tokenizer.incomplete` if more of the file is needed, `tokenizer.…`.
        """
    @staticmethod
    def from_json(tokenizer: bytes, config: bytes, template: str | None = None) -> TokenCounter:
        """
        A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.

        Errors: `tokenizer.…`.
        """
    @property
    def digest(self, /) -> str:
        """Digest of the tokenizer, as receipts name it."""
    def count(self, /, messages: Sequence[Message], texts: Sequence[str]) -> TokenCount:
        """
        Counts a conversation as it is before a reply, and returns the token ids of some texts.

        Errors: `tokenizer.malformed` if the template refuses the conversation.
        """
    @staticmethod
    def open(path: str | PathLike[str]) -> TokenCounter:
        """
        A counter for the model in a GGUF file, of which only the header is read, or in a folder as Hugging Face has them.

        Errors: `file`, `tokenizer.…`.
        """

def agent_data_uri(file: str | bytes) -> str:
    """
    A registration file as a URI that holds it, for a registry where nobody hosts the file.

    Errors: `json.malformed`.
    """

def begin_conversation(place: MarketPlace, payer: str, nonce: int, consumer: str, model: ModelOffer, deposit: int) -> str:
    """
    The conversation in a session that the wallet `payer` opened with that call, as `Chat` takes it. The node
    answers once the chain shows it the session.

    Errors: As `open_session_call`.
    """

def bind_agent_call(registry: str, agent: int, binding: str) -> WalletCall:
    """
    Names the contract that binds an agent to a token (ERC-8217).

    Errors: `hex.…`.
    """

def check_model(folder: str | PathLike[str]) -> SignedModel:
    """
    Holds the files of a folder to the signature beside them.

    Errors: `signed.broken` for files that are not what was signed, `signed.malformed` for a signature or a key that is none, `file`.
    """

def check_offer(domain: Domain, offer: Offer, signature: str) -> None:
    """
    Checks that an offer is signed by its node.

    Errors: `signature.…`, `hex.…`, `money.not_decimal`.
    """

def check_receipt(domain: Domain, receipt: Receipt, signature: str, node: str) -> None:
    """
    Checks that a receipt is signed by a node.

    Errors: `signature.…`, `hex.…`, `money.not_decimal`.
    """

def check_voucher(domain: Domain, voucher: Voucher, signature: str, signer: str) -> None:
    """
    Checks that a voucher is signed by an account.

    Errors: `signature.…`, `hex.…`, `money.not_decimal`.
    """

def close_session_call(place: MarketPlace, payer: str, nonce: int, consumer: str, model: ModelOffer) -> WalletCall:
    """
    The call that requests the end of the wallet's session and, sent again after the market's dispute window, ends it: the
    unredeemed rest becomes the payer's balance in the market. (The session's node can end it at once.)

    Errors: `market.place`, `signature.…`, `hex.…`, `money.not_decimal`.
    """

def error_codes() -> list[str]:
    """
    Every code of this library's errors, sorted. Codes of nodes (`node.…`, `request.…`, `http.…` if there is only a status)
    are passed on unchanged.
    """

def evidence_with_words(evidence: str | bytes, conversation: str) -> str:
    """
    Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.

    Errors: `provenance.words` if the evidence is of other words, `provenance.unreadable` also if the conversation holds none,
    `json.malformed`.
    """

def fail_with(code: str) -> None:
    """
    Fails with a code, so that an app can test how it handles each.

    Errors: The requested code, always.
    """

def inspect_file(path: str | PathLike[str], character: str | None = None, user: str | None = None) -> FileFacts:
    """
    Identifies a file by its content: a card, dialogues, a recording, a dataset. `character` and `user` are their names in
    logs that name people.

    Errors: `card.…`, `dialogue.…`, `pov.…`, `voice.…`, `io`.
    """

def keep_adapter(store: str | PathLike[str], folder: str | PathLike[str], record: str | PathLike[str]) -> None:
    """
    Keeps the adapter of a minted version in a store, a folder or a URL, with the record of its training: nodes fetch it from there. Whoever
    can read the store has the adapter. `folder` has PEFT's files, `record` is the file of the training record.

    Errors: `file`, `json.malformed`, `store` (also for another adapter's record), `feature_missing`.
    """

def library_version() -> str:
    """The version of the library."""

def move_agent_call(registry: str, agent: int, uri: str) -> WalletCall:
    """
    Puts an agent's file at another URI: the one that names its own number.

    Errors: `hex.…`.
    """

def offer_step(offer: Offer) -> int:
    """
    The most that one reply under an offer can cost, in base units: the least deposit that gets one.

    Errors: `hex.…`, `money.…`.
    """

def open_memory(path: str | PathLike[str], signer: Signer) -> Memory:
    """
    The memory in a file, which its first entry makes; the signer's key opens it. Processes may share the file. A wallet is asked for two
    signatures, which are sent to nobody.

    Errors: `file`, `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
    """

def open_session_call(place: MarketPlace, nonce: int, consumer: str, model: ModelOffer, deposit: int) -> WalletCall:
    """
    The call that opens the wallet's session number `nonce`, with a deposit in base units. `consumer` is the address of the
    key that will talk: the wallet itself, or a key of the app, which then signs the vouchers. For an offer in coins, the
    whole deposit goes with the call.

    Errors: `market.place`, `market` for a deposit beyond 96 bits, `signature.…`, `hex.…`, `money.not_decimal`.
    """

def prepare_dataset(files: Sequence[str | PathLike[str]], contributor: ContributorTerms, base_model: str | PathLike[str], out: str | PathLike[str], on_progress: Callable[[Progress], object] | None = None, character: str | None = None, user: str | None = None, card: Character | None = None, record_tokens: int | None = None) -> DatasetFacts:
    """
    Makes a dataset of dialogues in files of any known format, and of the recordings that lists among the files name: normalised, without
    near duplicates, a part held out, cut into records by the tokenizer of a base model (GGUF). Dialogues come first: recordings alone are no
    dataset. Memory does not grow with the dialogues, but with the recordings. If files name people, `character`
    names the one whose words are learnt, and `user` the one who talks with it; everybody else's words are context. With a `card`,
    dialogues go on from it, as they do where nodes put it before conversations: see `write_public_part`.
    Dialogues that are longer than `record_tokens` (256 unless it is named, and never more than the base reads) are cut between turns.

    `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.

    Errors: `dialogue.…`, `pov.…`, `hex.…`, `model`, `file`, `cancelled`; no file is left behind.
    """

def prove_dataset(dataset: str | PathLike[str], public_part: str | PathLike[str] | None, ledger: str, submitter: str, nonce: int, folder: str | PathLike[str], on_progress: Callable[[Progress], object] | None = None) -> ProofFiles:
    """
    Proves in zero knowledge that a dataset is whole and within the rules, bound to a ledger, a submitter and the
    submitter's `nonce`. Writes `statement.json` and `proof.bin` into a folder; after it was killed or cancelled, a run
    continues from there.

    `public_part` is the file of the dataset's public part, whose prompts the statement names; none publishes nothing.

    `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.

    Errors: `hex.…`, `pov.…`, `zk.…`, `file`, `cancelled`.
    """

def read_dialogues(path: str | PathLike[str], most: int, character: str | None = None, user: str | None = None) -> list[ReadDialogue]:
    """
    The first dialogues of a file, `most` of them, before duplicates are dropped: which words training learns, and which are context.

    Errors: `dialogue.…`, `file`.
    """

def read_market_place(json: str | bytes) -> MarketPlace:
    """
    Reads a market's addresses from this record's JSON, which an app ships with, or its publisher serves.

    Errors: `json.malformed`, `hex.…`, `market.place` if ledger and domain are not of one market.
    """

def read_memory(sealed: bytes | None, signer: Signer) -> Memory:
    """
    A memory out of the bytes that `Memory.to_bytes` sealed, or an empty one; the signer's key opens it, on every device. A wallet
    is asked for two signatures, which are sent to nobody.

    Errors: `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
    """

def read_models(body: bytes) -> list[ModelOffer]:
    """
    The models in a node's answer to `GET /v1/models`, or to `GET /v1/models/ID`, which is one model with its card.

    Errors: `node.transport` if it is no such answer.
    """

def recheck_reply(evidence: str | bytes, base: str | PathLike[str], adapter: str | PathLike[str], settings: RecheckSettings | None = None, domain: Domain | None = None) -> RecheckedReply:
    """
    Repeats a reply out of its evidence, on the base model and the adapter that its receipt names, and tells whether it was made as it was
    signed. Signatures and digests are checked first; if a domain is given, it must be the evidence's.

    Errors: `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `file`, `model`.
    """

def recheck_training(record: str | PathLike[str], dataset: str | PathLike[str], base: str | PathLike[str], adapter: str | PathLike[str], steps: int) -> RecheckedTraining:
    """
    Repeats a training as its record says, on the dataset that it was made of, which its readers have: measures base and adapter on the records
    that were held out, and makes the first `steps` steps again (0 for none; more than there are for all, which takes as long as the training).
    It computes on all cores.

    Errors: `consumer.receipt` if the record is of another dataset or adapter, `json.malformed`, `file`, `pov.…`, `model`.
    """

def register_agent_call(registry: str, uri: str) -> WalletCall:
    """
    Registers an agent whose file is at a URI: the sender owns it.

    Errors: `hex.…`.
    """

def report_character(domain: Domain, report: CharacterReport, signer: Signer) -> HttpRequest:
    """
    Signs a report, as the session's consumer; returns the request that brings it to the node.

    Errors: `report.too_long`, `hex.…`, `signer.…`.
    """

def session_id(ledger: str, payer: str, nonce: int, consumer: str, offer: Offer) -> str:
    """
    The id of a session, from the payer's number for it: it binds everything that was agreed.

    Errors: `hex.…`, `money.not_decimal`.
    """

def sign_model(folder: str | PathLike[str], key: str | PathLike[str]) -> SignedModel:
    """
    Signs the files of a folder with a key (ECDSA over P-256) in a file, which is made if it is not there: `model_signing verify key` checks
    them with `model.pub`. No account stands for the key.

    Errors: `file`, `signed.malformed` for a file that is no key, `signer.no_randomness`.
    """

def sign_offer(domain: Domain, offer: Offer, signer: Signer) -> str:
    """
    Signs an offer, as its node.

    Errors: `hex.…`, `money.not_decimal`, `signer.…`.
    """

def sign_receipt(domain: Domain, receipt: Receipt, signer: Signer) -> str:
    """
    Signs a receipt, as the node.

    Errors: `hex.…`, `money.not_decimal`, `signer.…`.
    """

def sign_voucher(domain: Domain, voucher: Voucher, signer: Signer) -> str:
    """
    Signs a voucher, as the session's consumer.

    Errors: `hex.…`, `money.not_decimal`, `signer.…`.
    """

def speech_note(file: bytes) -> SpeechNote:
    """
    What a WAV file (and, where files are at hand, a FLAC file) says of its sound. Its signatures and digests hold; that the node serves the version that it names, a ledger
    says.

    Errors: `speech.unmarked` for a file that does not say that it is synthetic, `speech.format` for one that is no such file of one channel
    and 16 bits, `speech.malformed` for a note that cannot be read, `speech.broken` for one that does not hold.
    """

def split_revenue(amount: int, creator_bps: int, node_bps: int, pool_bps: int) -> RevenueParts:
    """
    Splits an amount of base units as the market does: node and pool are rounded down, the creator gets the rest.

    Errors: `money.not_decimal`, `money.basis_points_too_many`, `split.sum`, `split.creator_below_minimum`.
    """

def verifier_key() -> str:
    """Digest of this library's verifier's key: part of every trust anchor."""

def verify_evidence(evidence: str | bytes, anchor: str | bytes) -> Provenance:
    """
    Checks the provenance of a reply: evidence (JSON, at most 4 MiB) against an anchor (JSON) that the caller has from
    elsewhere, never from the evidence's source. A check that does not hold is a broken link, not an error; but words that
    do not match the receipt are an error. Without words, the link `receipt` says that they are missing.

    Errors: `provenance.unreadable`, `provenance.words`, `json.malformed`.
    """

def verify_proof(statement: bytes, proof: bytes) -> ProofFacts:
    """
    Verifies a proof of a dataset, and returns the facts that it shows.

    Errors: `zk.…`.
    """

def verify_repeated(evidence: str | bytes, anchor: str | bytes, reply: str | bytes, base: str | PathLike[str], adapter: str | PathLike[str], settings: RecheckSettings | None = None) -> Provenance:
    """
    Checks the provenance of a reply, as `verify_evidence` does, and repeats the reply out of its own evidence: where it is
    the same, the link of adapter and base is `repeated`, by you.

    Errors: As `verify_evidence` and `recheck_reply`; `consumer.receipt` also where the one evidence is not of the other's reply.
    """

def voucher_digest(domain: Domain, voucher: Voucher) -> str:
    """
    The 32 bytes of a voucher that are signed (EIP-712), as hex.

    Errors: `hex.…`, `money.not_decimal`.
    """

def voucher_typed_data(domain: Domain, voucher: Voucher) -> str:
    """
    A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.

    Errors: `hex.…`, `money.not_decimal`.
    """

def withdraw_call(place: MarketPlace, asset: str, to: str, amount: int) -> WalletCall:
    """
    The call that withdraws an amount, in base units, of the wallet's balance from the market.

    Errors: `market.place`, `hex.…`, `money.not_decimal`.
    """

def write_public_part(character: Character, prompts: Sequence[str], contributors: Sequence[ContributorTerms], voice_source: str, out: str | PathLike[str], prompted: bool = False) -> None:
    """
    Writes the public part of a dataset, at most 32 KiB: the public description of the character, prompts that show how to
    talk with it, and the contributors. `voice_source` names the origin of recordings; empty without recordings. `prompted` has
    nodes put the character's card before every conversation: the dataset must be prepared with this `card`.

    Errors: `pov.…`, `hex.…`, `file`.
    """
