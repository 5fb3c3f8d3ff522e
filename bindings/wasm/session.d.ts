import type { Chat, ChatTurn, MarketPlace, ModelOffer, ReplySettings, Spoken } from "./lazai.js";

/** A wallet that speaks EIP-1193: `window.ethereum`, or one of your own. */
export interface Wallet {
    request(call: { method: string; params?: unknown[] }): Promise<any>;
}

/** The node, market, payer and deposit of a session. */
export interface SessionOptions {
    /** URL of the node. */
    node: string;
    /** The place of the market. A page brings it along, as it brings its trust anchor. */
    place: MarketPlace;
    /** The payer's wallet. */
    wallet: Wallet;
    /** The deposit, in base units. */
    deposit: string;
    /** Id of the character among the node's models; the first, if nothing is said. */
    model?: string;
    /** Receives a text on each step that takes time. */
    onStatus?: (text: string) => void;
}

/** The values that close a session after its page is gone. Plain values, though `model` holds bigints; no key is in it. */
export interface SessionTicket {
    node: string;
    payer: string;
    nonce: string;
    consumer: string;
    model: ModelOffer;
}

/** A reply on its way: to be heard piece by piece (`for await`), or as a whole (`await`). */
export interface Reply extends AsyncIterable<string>, PromiseLike<ChatTurn> {
    catch<T>(failed: (error: unknown) => T | PromiseLike<T>): Promise<ChatTurn | T>;
    finally(ended: () => void): Promise<ChatTurn>;
}

/** A part of speech: samples of one channel, not checked yet. */
export interface Phrase {
    samples: Int16Array;
    /** Samples a second. */
    sampleRate: number;
}

/** The pace of speech, and what it may cost. */
export interface SpeechOptions {
    /** Pace, in thousandths of the voice's own, from 500 to 2,000; its own, if nothing is said. */
    speedMilli?: number;
    /** The most that is paid for it, in base units; what one reply may cost under the session's offer, if nothing is said. */
    most?: string;
}

/** Speech on its way: to be heard phrase by phrase (`for await`), or as a whole (`await`). */
export interface Speech extends AsyncIterable<Phrase>, PromiseLike<Spoken> {
    catch<T>(failed: (error: unknown) => T | PromiseLike<T>): Promise<Spoken | T>;
    finally(ended: () => void): Promise<Spoken>;
}

/** A session with a character at a node. Its turns wait for one another. What is said is sealed to the node's key, where the node has one. */
export class Session {
    private constructor();
    /** The characters that a node offers, each with its signed offer. */
    static models(node: string): Promise<ModelOffer[]>;
    /** Opens a session by a wallet. The key that talks is made here and never leaves. */
    static open(options: SessionOptions): Promise<Session>;
    /** The conversation, step by step. */
    readonly chat: Chat;
    /** The last reply that was checked, with its receipt's numbers. */
    readonly turn: ChatTurn | undefined;
    /** The character, with its signed offer, as the session was opened with it. */
    readonly model: ModelOffer;
    /** Says something. The reply is checked, then paid; throws a `LazaiError` if it does not hold. */
    say(words: string, settings?: ReplySettings): Reply;
    /**
     * Has a text spoken with the character's voice. The sound is checked, then paid by the character of text; throws a `LazaiError` if it
     * does not hold.
     */
    speak(words: string, options?: SpeechOptions): Speech;
    /** The amount owed for the session so far, in base units. */
    owed(): string;
    /** The conversation with its receipts: evidence. */
    toJson(): string;
    /** Asks the chain for the session's end. The node then has the market's dispute window; after it, asking again ends the session. */
    close(onStatus?: (text: string) => void): Promise<void>;
    /** The ticket for `closeBy`. Keep it if the page can be left: the deposit is locked until somebody closes. */
    ticket(): SessionTicket;
    /** As `close`, with a ticket that was kept. */
    static closeBy(ticket: SessionTicket, place: MarketPlace, wallet: Wallet, onStatus?: (text: string) => void): Promise<void>;
    free(): void;
    [Symbol.dispose](): void;
}
