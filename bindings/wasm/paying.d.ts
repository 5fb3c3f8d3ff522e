import type { LocalKey, Signer, SpendingLimit } from "./lazai.js";

/** What a payer goes on with, and how it is kept. */
export interface PayingOptions {
    /** What `keep` was given last, in this page or before. */
    book?: string;
    /** Keeps the book, which holds signed payments; it is called before a payment is sent, and after each answer. */
    keep?: (book: string) => void | Promise<void>;
    /** Sends requests; the page's own, if nothing is said. */
    fetch?: typeof globalThis.fetch;
}

/**
 * A `fetch` that pays servers which speak x402, at most once for each request, within limits. A payment whose answer is lost is sent again.
 * Throws a `LazaiError` if nothing could be paid, or the server did not take the payment. What was paid stands in the answer's header
 * `payment-response`, which a server of another origin has to expose.
 */
export function payingFetch(signer: Signer | LocalKey, limits: SpendingLimit[], options?: PayingOptions): typeof globalThis.fetch;
