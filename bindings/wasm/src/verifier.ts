
/** The error of every function: `code` is stable, `message` may change. */
export interface LazaiError extends Error {
    name: "LazaiError";
    code: string;
}

/** A proof's facts about one contributor's part. */
export interface ContributorFacts {
    address: string;
    records: bigint;
    tokens: bigint;
    root: string;
}

/** Facts about a dataset, from a proof that holds. */
export interface ProofFacts {
    ledger: string;
    submitter: string;
    submission: string;
    root: string;
    records: bigint;
    tokens: bigint;
    vocabSize: number;
    contributors: ContributorFacts[];
}
