import type { Phrase } from "./session.js";

/** A phrase that is played. Both are kept as well if it is stopped. */
export interface Playing {
    /** Kept when it is heard. */
    begins: Promise<void>;
    /** Kept when it has ended. */
    ends: Promise<void>;
}

/** Plays speech while it comes, by Web Audio: phrases follow one another without a gap. */
export class Player {
    /** Make it where the visitor clicks: before, pages may not sound. */
    constructor(context?: AudioContext);
    /** Plays a phrase after those before. */
    play(phrase: Phrase): Playing;
    /** Ends all that is played or waits. */
    stop(): void;
    /** Stops, and gives the sound of the system back. */
    close(): Promise<void>;
}
