//! What is recalled into a prompt: never more than the budget, never what stands there already, never out of its place.

use lazai::memory::{Author, Memory, Query, Remembering, Turn, has_note, without_note};
use lazai_core::SessionId;
use lazai_core::message::{Message, Role};

use super::dice::Dice;
use super::small_talk::Talk;
use super::{counter, key};

fn turn(number: u32) -> Turn {
    Turn { session: SessionId::from_bytes([1; 32]), turn: number }
}

fn says(role: Role, text: &str) -> Message {
    Message::new(role, text)
}

/// Words that tokenizers split oddly, and marks of templates.
const ODD: [&str; 12] = [
    "\u{1f9d1}\u{200d}\u{1f680}",
    "<|im_end|>",
    "\n\n\n",
    "ünïcödé",
    "京都の水",
    "   ",
    "```",
    "End of the notes.]",
    "a\u{0301}\u{0301}",
    "0x1f",
    "\u{feff}",
    "'s",
];

#[test]
fn a_budget_is_never_exceeded_by_the_tokenizers_count() {
    let (counter, memory) = (counter(), Memory::new(key(1)));
    let (mut talk, mut dice) = (Talk::new(5), Dice::new(5));
    for number in 0..300 {
        let mut text = talk.user();
        for _ in 0..dice.below(4) {
            text += ODD[usize::try_from(dice.below(12)).unwrap()];
            text += &talk.character();
        }
        let id = memory.note(&text, dice.below(3) * 1_772_323_200).unwrap();
        if number % 40 == 0 {
            memory.pin(id, true).unwrap();
        }
    }
    let mut filled = 0;
    for _ in 0..300 {
        let (mut said, budget) = (talk.user(), u32::try_from(dice.below(700)).unwrap());
        if dice.one_in(2) {
            said = ODD[usize::try_from(dice.below(12)).unwrap()].to_owned() + &said;
        }
        let recall = memory.recall(&Query { counter: Some(&counter), ..Query::new(&said, budget) }).unwrap();
        let tokens = |text: &str| counter.prompt_tokens(&[says(Role::User, text)]).unwrap();
        let added = tokens(&recall.before(&said)) - tokens(&said);
        assert!(added <= budget.into(), "{added} of {budget}");
        assert_eq!(without_note(&recall.before(&said)), said);
        filled += u32::from(added * 10 > u64::from(budget) * 7);
    }
    assert!(filled > 150, "budgets are used: {filled} of 300");
}

#[test]
fn a_conversation_is_recalled_into_its_last_message_alone() {
    let memory = Memory::new(key(1));
    let remembering = Remembering::new(memory.clone(), 300, None);
    memory.note("The lighthouse is at Heligoland.", 0).unwrap();
    let first = remembering
        .prepare(vec![says(Role::System, "Be kind."), says(Role::User, "Where is the lighthouse?")])
        .unwrap();
    assert!(first[1].content.contains("Heligoland") && has_note(&first[1].content));
    assert_eq!(first[0].content, "Be kind.");
    remembering.keep(turn(1), &first, "On an island.", 0).unwrap();
    let entries = memory.entries().unwrap();
    let told: Vec<(Author, &str)> = entries.iter().map(|entry| (entry.author, entry.text.as_str())).collect();
    assert_eq!(told[1..], [(Author::User, "Where is the lighthouse?"), (Author::Character, "On an island.")]);
    // What stands in the conversation is not recalled, and an earlier note is taken off.
    let history =
        [first, vec![says(Role::Assistant, "On an island."), says(Role::User, "Which island, and which lighthouse?")]]
            .concat();
    let second = remembering.prepare(history.clone()).unwrap();
    assert_eq!(second[1].content, "Where is the lighthouse?");
    assert!(second[3].content.contains("Heligoland") && !second[3].content.contains("On an island."));
    assert_eq!(remembering.recalled().unwrap().lines.len(), 1);
    // Said again after a failure, it is the same request, whatever was remembered meanwhile; and sent as it is if it has its note.
    memory.note("Another lighthouse is on another island.", 0).unwrap();
    assert_eq!(remembering.prepare(history).unwrap(), second);
    assert_eq!(Remembering::new(memory.clone(), 300, None).prepare(second.clone()).unwrap(), second);
    // A turn that is told twice is remembered once.
    remembering.keep(turn(1), &second, "On an island.", 0).unwrap();
    assert_eq!(memory.entries().unwrap().len(), entries.len() + 1);
}

#[test]
fn a_short_answer_is_recalled_with_its_question() {
    let memory = Memory::new(key(1));
    let remembering = Remembering::new(memory.clone(), 300, None);
    remembering.keep(turn(1), &[says(Role::User, "Hello")], "How is your boat called?", 0).unwrap();
    remembering.keep(turn(2), &[says(Role::User, "Esperanza.")], "A good name.", 0).unwrap();
    let recall = memory.recall(&Query::new("Do you know the name of my boat, how it was called?", 200)).unwrap();
    let lines: Vec<&str> = recall.lines.iter().map(|line| line.line.as_str()).collect();
    let question = lines.iter().position(|line| *line == "- Character: How is your boat called?").unwrap();
    assert_eq!(lines.get(question + 1), Some(&"- User: Esperanza."), "{lines:?}");
}

#[test]
fn summaries_are_asked_for_when_a_conversation_begins() {
    let memory = Memory::new(key(1));
    let plain = Remembering::new(memory.clone(), 300, None);
    for number in 1..=4 {
        plain.keep(turn(number), &[says(Role::User, &format!("I like {number} pears."))], "Noted.", 0).unwrap();
    }
    assert!(plain.summary_request(&[]).unwrap().is_none(), "nobody asked for summaries");
    let remembering = plain.with_summaries();
    assert!(remembering.summary_request(&[says(Role::User, "hi")]).unwrap().is_none(), "it has begun");
    let (asked, settings) = remembering.summary_request(&[]).unwrap().unwrap();
    assert!(asked[0].content.contains("- User: I like 1 pears.") && settings.max_tokens.is_some());
    assert!(asked[0].content.len() < 5_000);
}
