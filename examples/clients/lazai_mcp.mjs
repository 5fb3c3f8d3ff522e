// How agents start `lazai mcp`: a file of servers, as a user writes it.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function servers(...more) {
  const { LAZAI_CLI: command, LAZAI_MARKET: market, LAZAI_NODE_URL: node } = process.env;
  const folder = mkdtempSync(join(tmpdir(), "lazai-mcp-"));
  // A folder of its own, and a budget that the agent cannot leave.
  const args = ["mcp", "--market", market, "--keystore", `${market}/consumer.json`, "--password-file", `${market}/password`, "--node", node];
  args.push("--budget", "100000", "--deposit", "20000", "--reply", "3000", "--folder", join(folder, "agent"), ...more);
  const path = join(folder, "servers.json");
  writeFileSync(path, JSON.stringify({ mcpServers: { lazai: { command, args } } }));
  return path;
}
