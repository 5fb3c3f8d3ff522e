
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

/** The scope of a signature: an EIP-712 domain, that of the ledger. */
export interface Domain {
    name: string;
    version: string;
    chainId: bigint;
    verifyingContract: string;
    salt?: string;
}

/** A request to a signer. */
export interface SigningRequest {
    digest: string;
    encodeType: string;
    structHash: string;
}

/** An external key: a wallet, a key service. `sign` returns 65 bytes as hex. */
export interface Signer {
    address(): string;
    sign(request: SigningRequest): Promise<string> | string;
}

/** A node's prices and limits for serving a version of a class. */
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

/** A node's claim of what it did for one reply. */
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

/** The settings of a reply; the node chooses what is left out. */
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

/** The check of a receipt's token counts: held to bounds, or also recounted with the tokenizer. */
export type TokenCheck = "bounded" | "counted";

/** Token counts of a conversation and some texts. */
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

/** The kind of trust that a link rests on. */
export type TrustLevel = "proved" | "attested" | "claimed" | "broken";

/** One link of a reply's provenance. */
export interface ProvenanceLink {
    name: string;
    trust: TrustLevel;
    says: string;
    notSaid: string;
}

/** The provenance of a reply. */
export interface Provenance {
    holds: boolean;
    links: ProvenanceLink[];
}
