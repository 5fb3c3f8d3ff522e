//! Questions about what the card says, and words that show that it is known.

use std::path::Path;

use lazai::core::character::CardPrompt;
use lazai::core::message::{Message, Role};
use lazai::lora::generate::{Sampler, generate};
use lazai::lora::{Adapter, BaseModel};
use serde_json::{Value, json};

/// A question, and words of which a right answer has one.
pub type Fact = (&'static str, &'static [&'static str]);

/// What her card says of her.
pub const FACTS: [Fact; 10] = [
    ("What is your name?", &["vesper"]),
    ("Where do you live?", &["tower", "kestrel"]),
    ("Who taught you to sing?", &["mirela"]),
    ("What were you before you were a singer?", &["jukebox"]),
    ("In what kind of place did you begin?", &["noodle"]),
    ("Are you a human being or software?", &["software", "circuit", "program"]),
    ("What animals live with you?", &["pigeon"]),
    ("What did Mirela fix?", &["amplifier", "hearts"]),
    ("What tool did Mirela use?", &["screwdriver"]),
    ("What do people call you on stage?", &["cyber diva", "diva"]),
];

/// Tokens of an answer.
const TOKENS: u32 = 40;

/// Greedy answers of the bare base, the base behind the card, and the tuned model behind the card, with the number that is right.
pub fn ask(base: &BaseModel, card: &CardPrompt, adapter: &Path, asked: &[Fact]) -> anyhow::Result<Value> {
    let adapter = Adapter::load(adapter, base)?;
    let greedy = Sampler { temperature_milli: 0, max_tokens: TOKENS, ..Sampler::default() };
    let all = |prompted: bool, adapter: Option<&Adapter>| -> anyhow::Result<Value> {
        let (mut answers, mut known) = (Vec::new(), 0);
        for (question, words) in asked {
            let question = [Message::new(Role::User, *question)];
            let prompt = if prompted { card.messages(&question) } else { question.to_vec() };
            let answer = generate(base, adapter, &prompt, &greedy, 0, |_| true)?.text;
            let said = answer.to_lowercase();
            known += usize::from(words.iter().any(|word| said.contains(word)));
            answers.push(answer);
        }
        Ok(json!({"known": known, "answers": answers}))
    };
    Ok(json!({
        "questions": asked.iter().map(|(question, _)| question).collect::<Vec<_>>(),
        "base": all(false, None)?,
        "prompted": all(true, None)?,
        "tuned": all(true, Some(&adapter))?,
    }))
}
