// Written by `cargo xtask surface write`.

/** A proof's facts about one contributor's part, and the address that the creator declares for it. */
export interface ContributorFacts {
    /** The contributor's account, as the creator declares it. */
    address: string;
    /** The number of the contributor's records. */
    records: bigint;
    /** The number of their tokens. */
    tokens: bigint;
    /** Root of the tree over the contributor's records. */
    root: string;
}

/** Facts about a dataset, from a proof that holds. */
export interface ProofFacts {
    /** The ledger that it is bound to. */
    ledger: string;
    /** The submitter. */
    submitter: string;
    /** The submission it belongs to. */
    submission: string;
    /** Root over all records. */
    root: string;
    /** The number of records, no two alike. */
    records: bigint;
    /** The number of their tokens. */
    tokens: bigint;
    /** Every token id is below this. */
    vocabSize: number;
    /** Each contributor's part. */
    contributors: ContributorFacts[];
}
