// Who earns what of the sum that is owed: a bar in three parts, each with its words, so that colour is not all there is.
import { splitRevenue } from "./sdk/lazai.js";

const PARTS = [
  ["creator", "Contributors", "light-dark(#5a2ca0, #c3a6ff)"],
  ["node", "Node", "light-dark(#0a5c8f, #7cc4f2)"],
  ["pool", "Pool", "light-dark(#8a5a00, #f0c36a)"],
];
const DECIMALS = 18n;

/** Base units as coins, every digit of them. */
export function coins(baseUnits) {
  const [whole, rest] = [BigInt(baseUnits) / 10n ** DECIMALS, BigInt(baseUnits) % 10n ** DECIMALS];
  const digits = rest.toString().padStart(Number(DECIMALS), "0").replace(/0+$/, "");
  return digits ? `${whole}.${digits}` : `${whole}`;
}

/** Coins, as people write them, in base units; null for anything else. */
export function baseUnits(text) {
  const found = /^(\d{1,18})(?:\.(\d{1,18}))?$/.exec(text.trim());
  return found && (BigInt(found[1]) * 10n ** DECIMALS + BigInt((found[2] ?? "").padEnd(Number(DECIMALS), "0"))).toString();
}

/** Draws what is owed so far; `bps` are the market's parts, in basis points. */
export function draw(picture, caption, owed, bps) {
  const parts = splitRevenue(owed, ...bps);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawn.setAttribute("viewBox", "0 0 600 64");
  drawn.setAttribute("role", "img");
  const told = PARTS.map(([name, label]) => `${label} ${coins(parts[name])}`).join(", ");
  drawn.setAttribute("aria-label", `Of ${coins(owed)}: ${told}`);
  let x = 0;
  for (const [name, label, colour] of PARTS) {
    // The amounts are exact; the picture needs a thousandth.
    const width = owed === "0" ? 0 : (Number((BigInt(parts[name]) * 100_000n) / BigInt(owed)) / 100_000) * 600;
    const bar = document.createElementNS(drawn.namespaceURI, "rect");
    for (const [key, value] of Object.entries({ x, y: 0, width: Math.max(width - 2, 0), height: 34 })) bar.setAttribute(key, value);
    bar.style.fill = colour;
    const words = document.createElementNS(drawn.namespaceURI, "text");
    words.setAttribute("x", name === "pool" ? 600 : x);
    words.setAttribute("y", 54);
    words.setAttribute("font-size", 13);
    words.setAttribute("text-anchor", name === "pool" ? "end" : "start");
    words.style.fill = "currentColor";
    words.textContent = `${label} ${owed === "0" ? "" : `${Math.round(width / 6)} %`}`;
    drawn.append(bar, words);
    x += width;
  }
  picture.replaceChildren(drawn);
  caption.replaceChildren(`Owed for this conversation: ${coins(owed)}. ${told}. To the last base unit: ${parts.creator} + ${parts.node} + ${parts.pool} = ${owed}.`);
  return parts;
}
