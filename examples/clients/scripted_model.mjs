// The model of an agent, behind OpenAI's API: it calls the tool that it is told to. (Small models call none by themselves, and what is looked
// at is the tool.) A process of its own: an agent of Alith may let nothing else of its process run while it waits.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(import.meta.url);

export async function model(tool, args) {
  const child = spawn(process.execPath, [file, tool, JSON.stringify(args)], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: url } = await lines.next();
  // The tools that were offered to it, by its first request.
  const offered = async () => JSON.parse((await lines.next()).value);
  return { url, offered, end: () => child.kill() };
}

if (process.argv[1] === file) {
  const [tool, args] = process.argv.slice(2);
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      console.log(JSON.stringify((JSON.parse(body).tools ?? []).map((tool) => tool.function.name)));
      const call = { id: "call_1", type: "function", function: { name: tool, arguments: args } };
      const message = { role: "assistant", content: null, tool_calls: [call] };
      const choice = { index: 0, message, finish_reason: "tool_calls", logprobs: null };
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ id: "c", object: "chat.completion", created: 0, model: "scripted", choices: [choice], usage }));
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
}
