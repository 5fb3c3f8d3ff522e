// What a client did and could not do, for the table of clients: `cargo xtask clients` names the file that it is told in.
import { appendFileSync, readFileSync } from "node:fs";

export class Client {
  constructor(name, folder) {
    this.told = { client: name, version: JSON.parse(readFileSync(new URL(`node_modules/${folder}/package.json`, import.meta.url))).version, does: [], does_not: {} };
  }
  // What was just seen to work.
  does(what) {
    console.log(`ok - ${what}`);
    this.told.does.push(what);
  }
  // What was just seen not to work.
  doesNot(what, why) {
    console.log(`no - ${what}: ${why}`);
    this.told.does_not[what] = why;
  }
  end() {
    console.log(`${this.told.client} ${this.told.version}: ${this.told.does.join(", ")}`);
    if (process.env.LAZAI_CLIENTS_TOLD) appendFileSync(process.env.LAZAI_CLIENTS_TOLD, JSON.stringify(this.told) + "\n");
  }
}
