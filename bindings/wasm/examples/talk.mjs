// Opens a session with a character at a node by a wallet, talks, checks and pays, and asks for the session's end.
import { Session } from "@lazai/sdk/session";

export async function chat(node, place, wallet) {
  const session = await Session.open({ node, place, wallet, deposit: "50000000000000000" });
  for (const question of ["Who are you?", "And where do you live?"]) {
    for await (const piece of session.say(question)) process.stdout.write(piece);
    console.log(`\n  ${session.turn.completionTokens} tokens, ${session.owed()} base units owed`);
  }
  await session.close();
}
