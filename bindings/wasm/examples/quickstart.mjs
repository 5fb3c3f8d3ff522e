// ANCHOR: program
// Cards, money, signatures, provenance. In a page: import init first, and await init().
import { readFile } from "node:fs/promises";
import { Character, LocalKey, signVoucher, splitRevenue, verifyEvidence, voucherTypedData } from "@lazai/sdk";

const vectors = `${process.env.LAZAI_ROOT}/vectors`;

// ANCHOR: card
const character = Character.fromBytes(await readFile(`${vectors}/characters/png/both.png`));
console.log(character.name(), "greets:", character.greeting(0, "you"));
character.free(); // or: using character = …
// ANCHOR_END: card

console.log(splitRevenue("1000000000000000000000000000001", 7000, 2000, 1000)); // amounts are text

// ANCHOR: provenance
const evidence = await readFile(`${vectors}/provenance/evidence.json`);
const anchor = await readFile(`${vectors}/provenance/anchor.json`);
for (const link of verifyEvidence(evidence, anchor).links) console.log(link.trust, link.name);
// ANCHOR_END: provenance

// A voucher, signed by a key of this page; a wallet would sign the same as typed data.
const domain = { name: "LazAI Market", version: "1", chainId: 31337n, verifyingContract: `0x${"11".repeat(20)}` };
const voucher = { session: `0x${"22".repeat(32)}`, node: `0x${"33".repeat(20)}`, classId: 1n, version: 1, cumulative: "120" };
console.log(await signVoucher(domain, voucher, LocalKey.random()), JSON.parse(voucherTypedData(domain, voucher)).primaryType);
// ANCHOR_END: program
