/** An external key: a wallet, a key service. `sign` returns 65 bytes as hex. */
export interface Signer {
    address(): string;
    sign(request: SigningRequest): Promise<string> | string;
}

/** Sends a request to the node, gives bytes of the answer's body to `push` as they come, and promises the status. */
export type Transport = (request: HttpRequest, push: (bytes: Uint8Array) => void) => Promise<number>;
