
/** What every function throws: `code` does not change, `message` may. */
export interface LazaiError extends Error {
    name: "LazaiError";
    code: string;
}

/** What a proof shows of one contributor's part. */
export interface ContributorFacts {
    address: string;
    records: bigint;
    tokens: bigint;
    root: string;
}

/** What a proof that holds says of a dataset. */
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
