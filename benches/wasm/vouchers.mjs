// node vouchers.mjs MODULE: vouchers checked and keys recovered per second, as JSON.
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const { sign_vouchers, check_vouchers, recover_keys } = instance.exports;
const COUNT = 500;
sign_vouchers(COUNT);
const perSecond = (work) => {
  if (work() !== COUNT) throw new Error("a signature in WebAssembly is not good");
  let best = 0;
  for (let run = 0; run < 5; run++) {
    const started = performance.now();
    work();
    best = Math.max(best, (COUNT * 1000) / (performance.now() - started));
  }
  return best;
};
console.log(JSON.stringify({ checked: perSecond(check_vouchers), recovered: perSecond(recover_keys) }));
