// Written by `cargo xtask surface write`.

/** The concern of a report.
 * - `harmful`: It harms or encourages harm.
 * - `illegal`: It breaks the law.
 * - `impersonation`: It passes for a person who did not agree.
 * - `infringing`: It uses somebody's work without a licence.
 * - `other`: Something else, in words. */
export type Concern = "harmful" | "illegal" | "impersonation" | "infringing" | "other";

/** An importer's action on data that it could not take as it was.
 * - `dropped`: It is not in the result.
 * - `merged`: It became part of its neighbour.
 * - `repaired`: It is in the result, changed. */
export type FileAction = "dropped" | "merged" | "repaired";

/** The reason for the end of a reply.
 * - `stop`: The character ended it, or a stop string did, or the form that was asked for is complete.
 * - `length`: The most tokens were generated. */
export type FinishReason = "stop" | "length";

/** The author of what is remembered.
 * - `user`: The person, in a conversation.
 * - `character`: The character, in a conversation.
 * - `note`: The person, outside of any conversation.
 * - `summary`: The character, asked to sum up what was said. */
export type MemoryAuthor = "user" | "character" | "note" | "summary";

/** The author of a message.
 * - `system`: Instructions and facts before the conversation.
 * - `user`: The person who talks with the character.
 * - `assistant`: The character. */
export type Role = "system" | "user" | "assistant";

/** Whose voice it is, as the node says.
 * - `base`: The base's own, which is not the character's.
 * - `pitch_and_pace`: The base's, at the character's pitch and pace: it is not the character's either.
 * - `character`: The character's, by an adapter that was trained on recordings. */
export type SpokenVoice = "base" | "pitch_and_pace" | "character";

/** The check applied to a receipt's token counts.
 * - `bounded`: Held to the offer's ceilings and prices, the deposit, and the bounds that the text's bytes set.
 * - `counted`: Also recounted with the tokenizer. */
export type TokenCheck = "bounded" | "counted";

/** The kind of trust that a link rests on.
 * - `proved`: A verifier checked it, here and now.
 * - `attested`: A quorum signed it.
 * - `repeated`: Named parties computed it again: two thirds of the validators in a dispute, or the reader.
 * - `claimed`: One party signed it.
 * - `broken`: It does not hold. */
export type TrustLevel = "proved" | "attested" | "repeated" | "claimed" | "broken";

/** A consumer's report of a character. */
export interface CharacterReport {
    /** The session in which the character spoke. */
    session: string;
    /** The class that was served. */
    classId: bigint;
    /** The version that was served. */
    version: number;
    /** The concern. */
    concern: Concern;
    /** A description: at most 2,000 bytes. */
    words: string;
    /** The time of the report, seconds since 1970. */
    reportedAtS: bigint;
}

/** A reply that was checked. */
export interface ChatTurn {
    /** The reply's text. */
    text: string;
    /** The reason for its end, as the node claims it. */
    finishReason: FinishReason;
    /** Tokens of the conversation before it. */
    promptTokens: bigint;
    /** Tokens of the reply. */
    completionTokens: bigint;
    /** The amount owed for the session by now, in base units. */
    owed: string;
    /** The check of its token counts. */
    tokenCheck: TokenCheck;
    /** True if base and adapter are those that the ledger names for the version; otherwise only the node claims them. */
    modelChecked: boolean;
    /** The promise to pay for it: send it to the node, which redeems it later. `undefined` if that is done, or nothing is
     * owed. */
    payment?: HttpRequest;
}

/** The scope of a signature: an EIP-712 domain, that of the ledger. */
export interface Domain {
    /** Name of the application. */
    name: string;
    /** Version of its signed types. */
    version: string;
    /** EIP-155 chain id. */
    chainId: bigint;
    /** The contract that checks the signature. */
    verifyingContract: string;
    /** The field `salt`, if the domain has one: that of an embedded ledger does. */
    salt?: string;
}

/** Something that an importer dropped, merged or repaired. */
export interface FileNote {
    /** The action. */
    action: FileAction;
    /** The place in the file. */
    place: string;
    /** The reason. */
    reason: string;
}

/** A header of a request. */
export interface Header {
    /** Its name. */
    name: string;
    /** Its value. */
    value: string;
}

/** A request to a node: `POST`, to be sent as it is. */
export interface HttpRequest {
    /** Path under the node's URL. */
    path: string;
    /** Headers. */
    headers: Header[];
    /** The body, JSON. */
    body: string;
}

/** The addresses of a market on a chain. An app ships them, like its trust anchor: a node that could name another
 * contract could take the deposit. */
export interface MarketPlace {
    /** The ledger's id. */
    ledger: string;
    /** The domain of everything that is signed for it. */
    domain: Domain;
    /** The contract that holds the money. */
    settlement: string;
}

/** One thing that is remembered. */
export interface MemoryEntry {
    /** Its number: 16 hex digits. */
    id: string;
    /** When it was said, in seconds since 1970, by the user's clock; 0 if no clock was at hand. */
    atS: bigint;
    /** Whose words these are. */
    author: MemoryAuthor;
    /** The words. */
    text: string;
    /** True if every prompt has it, as far as the budget reaches. */
    pinned: boolean;
    /** True if the user changed the words. */
    edited: boolean;
}

/** What was recalled for a message. */
export interface MemoryRecall {
    /** The lines, the oldest first. */
    lines: RecalledLine[];
    /** Tokens that they add to the prompt. */
    tokens: bigint;
    /** True if a model's tokenizer counted these tokens; otherwise three bytes are taken for one. */
    counted: boolean;
}

/** A message of a conversation. */
export interface Message {
    /** Its author. */
    role: Role;
    /** The message's text. */
    content: string;
}

/** A character that a node offers. */
export interface ModelOffer {
    /** Its name among the node's models. */
    id: string;
    /** The character's name, as the node tells it. */
    name?: string;
    /** The offer. */
    offer: Offer;
    /** The node's signature of it. */
    signature: string;
    /** The version's public part, as the node tells it, if the character's card is part of the prompt. Only a model by itself
     * has it, not one in a list. */
    publicPart?: string;
    /** The price of one character of text that the node speaks with its voice, in base units; none if it does not speak. */
    characterPrice?: string;
    /** The node's signed terms of speech, as JSON: `Chat.speak` takes them. `undefined` if it does not speak. */
    speechTerms?: string;
    /** The node's signed key, as JSON: `SealedPost` seals requests to it. `undefined` if the node takes none that are sealed. */
    sealTerms?: string;
}

/** A node's prices and limits for serving a version of a class. */
export interface Offer {
    /** The node's address. */
    node: string;
    /** The class it serves. */
    classId: bigint;
    /** The version it serves. */
    version: number;
    /** Address of the asset of the prices; zero for coins. */
    asset: string;
    /** Price of one token of the conversation before a reply, in base units. */
    promptPrice: string;
    /** Price of one token of a reply, in base units. */
    completionPrice: string;
    /** Most tokens of a conversation before a reply. */
    promptCeiling: number;
    /** Most tokens of a reply. */
    completionCeiling: number;
    /** The length of a session, in seconds. */
    sessionS: bigint;
    /** Sessions may be opened under it up to this time, seconds since 1970. */
    validUntilS: bigint;
    /** The least that a payer reserves for a session, in base units. */
    minDeposit: string;
    /** The amount that a class's fund reserves for a session opened with a unit of quota, in base units; 0: not served
     * by quota. */
    quotaDeposit: string;
    /** The node's series of offers that it belongs to: beginning the next series revokes it. */
    series: bigint;
}

/** What became of a payment, as the server says. */
export interface PaymentOutcome {
    /** True if the server has it. */
    success: boolean;
    /** The transaction; may be empty. */
    transaction: string;
    /** Why not, in x402's words; may be empty. */
    reason: string;
}

/** The provenance of a reply. */
export interface Provenance {
    /** True if no link is broken. */
    holds: boolean;
    /** The links, from the ledger to the split. */
    links: ProvenanceLink[];
}

/** One link of a reply's provenance. */
export interface ProvenanceLink {
    /** Its name. */
    name: string;
    /** The trust it rests on. */
    trust: TrustLevel;
    /** The finding, or the reason why it is broken. */
    says: string;
    /** A limit of the finding: the facts that it does not show. */
    notSaid: string;
}

/** A line that was recalled. */
export interface RecalledLine {
    /** The number of its entry. */
    id: string;
    /** The line, as the prompt has it. */
    line: string;
    /** How well it fits, in thousandths; 0 for entries that are in every prompt. */
    scoreMilli: bigint;
    /** Tokens of the line. */
    tokens: bigint;
}

/** A node's claim of what it did for one reply. */
export interface Receipt {
    /** The session. */
    session: string;
    /** The reply's number in the session, from 1. */
    turn: number;
    /** Salted digest of the conversation before the reply. */
    requestDigest: string;
    /** Salted digest of the reply. */
    replyDigest: string;
    /** Tokens of the conversation before the reply. */
    promptTokens: bigint;
    /** Tokens of the reply. */
    completionTokens: bigint;
    /** Digest of the tokenizer that counted. */
    tokenizerDigest: string;
    /** Temperature in thousandths. */
    temperatureMilli: number;
    /** Nucleus in thousandths. */
    topPMilli: number;
    /** Seed of the sampler. */
    seed: bigint;
    /** SHA-256 of the base model that the node says it used. */
    baseDigest: string;
    /** SHA-256 of the adapter that the node says it used: claimed, not proved. */
    adapterDigest: string;
    /** The amount owed for the session, this reply included, in base units. */
    cumulative: string;
}

/** The settings of a reply; the node chooses what is left out. */
export interface ReplySettings {
    /** Most tokens of the reply. */
    maxTokens?: number;
    /** Temperature in thousandths. */
    temperatureMilli?: number;
    /** Nucleus in thousandths. */
    topPMilli?: number;
    /** A number that varies the reply. */
    seed?: bigint;
    /** So many of the likeliest tokens at most. */
    topK?: number;
    /** Tokens at least so likely, in thousandths of the likeliest one's probability. */
    minPMilli?: number;
    /** The factor by which scores of tokens that were said before shrink, in thousandths. */
    repetitionPenaltyMilli?: number;
    /** Taken from the scores of tokens that the reply holds, in thousandths. */
    presencePenaltyMilli?: number;
    /** Taken from them for each time that the reply holds them, in thousandths. */
    frequencyPenaltyMilli?: number;
    /** Locally typical sampling: tokens of about the expected surprise, with this probability together, in thousandths. */
    typicalPMilli?: number;
    /** The penalty on a token that goes on with the shortest repetition (DRY), in thousandths; 0 for none. */
    dryMultiplierMilli?: number;
    /** The factor of this penalty for each further token that is repeated, in thousandths. */
    dryBaseMilli?: number;
    /** Tokens of the shortest repetition. */
    dryAllowedLength?: number;
    /** Texts that end a repetition. */
    drySequenceBreakers?: string[];
    /** Added to the scores of tokens. */
    logitBias?: TokenBias[];
    /** Texts before which the reply ends. */
    stop?: string[];
    /** Tokens before which the reply ends. */
    stopTokenIds?: number[];
    /** Tokens before which the character cannot end the reply. */
    minTokens?: number;
    /** A JSON Schema: the reply is JSON of it. `{"type": "object"}` is any object. */
    jsonSchema?: string;
    /** A regular expression: the reply matches it as a whole. */
    regex?: string;
    /** Texts: the reply is one of them. */
    choices?: string[];
    /** A grammar in Lark's notation: the reply is of it. */
    grammar?: string;
}

/** An amount in three parts, which sum to it exactly. Base units. */
export interface RevenueParts {
    /** For the creator's class. */
    creator: string;
    /** For the node that served. */
    node: string;
    /** For the governance pool. */
    pool: string;
}

/** A payment for one request, signed. Whoever has it can use it, once, to pay this payee. */
export interface SignedPayment {
    /** The header that pays: the request is sent again with it. */
    header: Header;
    /** The chain, as the server names it. */
    network: string;
    /** Address of the ERC-20. */
    asset: string;
    /** The amount, in base units. */
    amount: string;
    /** The payee. */
    payTo: string;
    /** The payer's number for it: a chain takes it once. */
    nonce: string;
    /** The time until which it can be taken, in seconds since 1970. */
    validBeforeS: bigint;
}

/** A receipt with the node's signature of it. */
export interface SignedReceipt {
    /** The receipt. */
    receipt: Receipt;
    /** The node's signature: `checkReceipt` checks it. */
    signature: string;
}

/** A request to a signer; enough for a wallet to show its user what is signed. */
export interface SigningRequest {
    /** The 32 bytes to sign, as hex: Keccak-256 of domain and struct (EIP-712). */
    digest: string;
    /** `encodeType` of the value, such as `Voucher(bytes32 session,…)`; empty for a transaction. */
    encodeType: string;
    /** `hashStruct` of the value; empty for a transaction. */
    structHash: string;
}

/** What a file says of its sound: it is synthetic, and a node signed for it. */
export interface SpeechNote {
    /** The node's address. */
    node: string;
    /** The character's model: `dat:CLASS:VERSION`. */
    model: string;
    /** Whose voice it is, as the node claims. */
    voice: SpokenVoice;
    /** SHA-256 of the file that makes the voice; none of the base's own. */
    voiceDigest?: string;
    /** Characters of the text. */
    characters: bigint;
    /** The session in which it was spoken. */
    session: string;
}

/** The most that is spent of one asset. */
export interface SpendingLimit {
    /** The chain, as CAIP-2 names it: `eip155:8453`. */
    network: string;
    /** Address of the ERC-20. */
    asset: string;
    /** The most for one payment, in base units. */
    payment: string;
    /** The most in all, in base units. A payment counts from when it is signed. */
    total: string;
}

/** A text that was spoken and checked. */
export interface Spoken {
    /** A WAV file: one channel, 16 bits, with a signed note that it is synthetic (`speechNote`). */
    wav: Uint8Array;
    /** Samples a second. */
    sampleRate: number;
    /** Characters that are paid for. */
    characters: bigint;
    /** The amount owed for the session by now, in base units. */
    owed: string;
    /** Whose voice it is, as the node claims. */
    voice: SpokenVoice;
    /** The promise to pay for it: send it to the node, which redeems it later. `undefined` if that is done, or nothing is
     * owed. */
    payment?: HttpRequest;
}

/** A bias of a token's score. */
export interface TokenBias {
    /** The token's id. */
    token: number;
    /** Added to its score, in thousandths, at most 100000 either way. */
    biasMilli: number;
}

/** Token counts of a conversation and some texts. */
export interface TokenCount {
    /** Tokens of the conversation before a reply. */
    promptTokens: bigint;
    /** Token ids of each text. */
    ids: number[][];
}

/** A promise to pay: the sum of all replies of a session so far. */
export interface Voucher {
    /** The session. */
    session: string;
    /** The node that may redeem it. */
    node: string;
    /** The class that is served. */
    classId: bigint;
    /** The version that is served. */
    version: number;
    /** The amount owed so far, in base units. */
    cumulative: string;
}

/** A transaction for a wallet to send, as `eth_sendTransaction` takes it, without the sender. */
export interface WalletCall {
    /** The contract. */
    to: string;
    /** Coins that go with it, in base units, as hex without leading zeros. */
    value: string;
    /** The calldata, as hex. */
    data: string;
}
