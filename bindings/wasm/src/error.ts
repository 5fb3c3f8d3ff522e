/** The error of every function: `code` is stable, `message` may change. */
export interface LazaiError extends Error {
    name: "LazaiError";
    code: string;
}
