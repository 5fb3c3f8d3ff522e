// Opens a session with a character at a node by a wallet, talks, checks and pays, and asks for the session's end.
import { Session } from "@lazai/sdk/session";

export async function chat(node, place, wallet) {
  const session = await Session.open({ node, place, wallet, deposit: "50000000000000000" });
  for (const question of ["Who are you?", "And where do you live?"]) {
    for await (const piece of session.say(question)) console.log(piece);
    console.log(`${session.turn.completionTokens} tokens, ${session.owed()} base units owed`);
  }
  await session.close(); // the rest of the deposit is the wallet's after the market's dispute window
}
