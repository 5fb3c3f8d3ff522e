
/** Something that an importer dropped, merged or repaired. */
export interface FileNote {
    action: string;
    place: string;
    reason: string;
}

/** An amount in three parts, in base units. */
export interface RevenueParts {
    creator: string;
    node: string;
    pool: string;
}

/** What a signature is for: an EIP-712 domain, that of the ledger. */
export interface Domain {
    name: string;
    version: string;
    chainId: bigint;
    verifyingContract: string;
    salt?: string;
}

/** What a signer is asked for. */
export interface SigningRequest {
    digest: string;
    encodeType: string;
    structHash: string;
}

/** A key that lives elsewhere: a wallet, a key service. `sign` gives 65 bytes as hex. */
export interface Signer {
    address(): string;
    sign(request: SigningRequest): Promise<string> | string;
}

/** What a node asks for serving a version of a class. */
export interface Offer {
    node: string;
    classId: bigint;
    version: number;
    asset: string;
    promptPrice: string;
    completionPrice: string;
    promptCeiling: number;
    completionCeiling: number;
    sessionS: bigint;
    validUntilS: bigint;
    minDeposit: string;
    quotaDeposit: string;
    series: bigint;
}

/** A promise to pay: the sum of all replies of a session so far. */
export interface Voucher {
    session: string;
    node: string;
    classId: bigint;
    version: number;
    cumulative: string;
}

/** What a node says it did for one reply. */
export interface Receipt {
    session: string;
    turn: number;
    requestDigest: string;
    replyDigest: string;
    promptTokens: bigint;
    completionTokens: bigint;
    tokenizerDigest: string;
    temperatureMilli: number;
    topPMilli: number;
    seed: bigint;
    baseDigest: string;
    adapterDigest: string;
    cumulative: string;
}

/** A consumer's report of a character: `harmful`, `illegal`, `impersonation`, `infringing` or `other`. */
export interface CharacterReport {
    session: string;
    classId: bigint;
    version: number;
    concern: string;
    words: string;
    reportedAtS: bigint;
}

/** A message of a conversation: `system`, `user` or `assistant`. */
export interface Message {
    role: string;
    content: string;
}

/** How a reply is wanted; what is left out is the node's choice. */
export interface ReplySettings {
    maxTokens?: number;
    temperatureMilli?: number;
    topPMilli?: number;
    seed?: bigint;
}

/** A header of a request. */
export interface Header {
    name: string;
    value: string;
}

/** A request to a node: `POST`, to be sent as it is. */
export interface HttpRequest {
    path: string;
    headers: Header[];
    body: string;
}

/** Sends a request to the node, gives bytes of the answer's body to `push` as they come, and promises the status. */
export type Transport = (request: HttpRequest, push: (bytes: Uint8Array) => void) => Promise<number>;

/** How the tokens of a receipt were checked: held to bounds, or recounted with the tokenizer besides. */
export type TokenCheck = "bounded" | "counted";

/** What a counter says of a conversation and some texts. */
export interface TokenCount {
    promptTokens: bigint;
    ids: number[][];
}

/** A reply that was checked. */
export interface ChatTurn {
    text: string;
    promptTokens: bigint;
    completionTokens: bigint;
    owed: string;
    tokenCheck: TokenCheck;
    modelChecked: boolean;
    payment?: HttpRequest;
}

/** A character that a node offers. */
export interface ModelOffer {
    id: string;
    name?: string;
    offer: Offer;
    signature: string;
}

/** On what a link rests. */
export type TrustLevel = "proved" | "attested" | "claimed" | "broken";

/** One link of a reply's provenance. */
export interface ProvenanceLink {
    name: string;
    trust: TrustLevel;
    says: string;
    notSaid: string;
}

/** Where a reply comes from. */
export interface Provenance {
    holds: boolean;
    links: ProvenanceLink[];
}
