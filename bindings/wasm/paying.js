// `fetch` that pays servers which speak x402, within a payer's limits.
import { Payer } from "./lazai.js";

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const headers = (answer) => [...answer.headers].map(([name, value]) => ({ name, value }));
const bytes = async (answer) => new Uint8Array(await answer.arrayBuffer());
const clock = () => BigInt(Math.floor(Date.now() / 1000));

/** How often a payment is sent whose answer is lost, and the first pause between; each is twice as long as the one before. */
const SENDS = 4;
const PAUSE_MS = 500;

/** A name of a request: its method, URL and body. */
async function named(request) {
  const body = new Uint8Array(await crypto.subtle.digest("SHA-256", await request.clone().arrayBuffer()));
  return `${request.method} ${request.url} ${[...body].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function payingFetch(signer, limits, { book, keep = () => {}, fetch = globalThis.fetch } = {}) {
  const payer = new Payer(signer, limits, book);
  return async (input, init) => {
    const request = new Request(input, init);
    const name = await named(request);
    let payment = payer.open(name, clock());
    if (!payment) {
      const first = await fetch(request.clone());
      if (first.status !== 402) return first;
      payment = await payer.pay(name, headers(first), await bytes(first), clock());
      // Kept before anybody has it.
      await keep(payer.toJson());
    }
    for (let sends = 1; ; sends++) {
      // No redirect is followed with a payment.
      const paying = new Request(request.clone(), { redirect: "manual" });
      paying.headers.set(payment.header.name, payment.header.value);
      let answer;
      try {
        answer = await fetch(paying);
      } catch (error) {
        if (sends === SENDS) throw error;
        await pause(PAUSE_MS * 2 ** (sends - 1));
        continue;
      }
      const refusal = answer.status === 402 ? await bytes(answer.clone()) : new Uint8Array();
      try {
        payer.answered(payment, answer.status, headers(answer), refusal);
      } finally {
        await keep(payer.toJson());
      }
      return answer;
    }
  };
}
