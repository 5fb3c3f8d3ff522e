//! Tables of dialogues with the dirt of spreadsheets and scripts.
#![allow(clippy::unwrap_used)]

mod talks;

use lazai_core::dialogue::{Options, Reader};
use talks::{TALK, is_noted};

fn read(text: &str) -> (Vec<Vec<String>>, Vec<String>) {
    talks::read(text, &Options::default())
}

#[test]
fn rows_of_the_tables_own_are_no_talk() {
    let pairs = "prompt,response\nIs it lit?,It is.\nPrompt,response\nIs it lit?,It is.\n";
    let (dialogues, notes) = read(pairs);
    assert_eq!(dialogues, [TALK, TALK]);
    assert_eq!(notes, ["the header once more"]);
    let messages = "id,role,content\n1,user,Is it lit?\nid,role,content\n1,assistant,It is.\nid,role,content\n";
    let (dialogues, notes) = read(messages);
    assert_eq!((dialogues, notes.len()), (vec![TALK.map(str::to_owned).to_vec()], 2));
    let markdown = "| prompt | response |\n|:---|---|\n| Is it lit? | It is. |\n";
    let (dialogues, notes) = read(markdown);
    assert_eq!(dialogues, [TALK]);
    assert!(is_noted(&notes, "a line between"), "{notes:?}");
}

#[test]
fn what_programs_write_for_nothing_is_nothing() {
    for missing in ["NaN", "nan", "None", "null", "#N/A", "#REF!", "#NAME?"] {
        let table = format!("prompt,response\nWho?,{missing}\nIs it lit?,It is.\n");
        let (dialogues, notes) = read(&table);
        assert_eq!(dialogues, [TALK], "{missing}");
        assert!(is_noted(&notes, "taken as empty") && is_noted(&notes, "no response"), "{missing}: {notes:?}");
        let table = format!("prompt,input,response\nIs it lit?,{missing},It is.\n");
        assert_eq!(read(&table).0, [TALK], "{missing}");
    }
    assert_eq!(read("prompt,response,consent\nWho?,BAD,None\nIs it lit?,It is.,yes\n").0, [TALK]);
    assert_eq!(read("prompt,response\nWho?,Null and none.\n").0, [["u Who?", "a Null and none."]]);
}

#[test]
fn a_number_of_messages_is_no_conversation() {
    let table = "id,role,content\n1,user,Is it lit?\n2,assistant,It is.\n3,user,Oh.\n4,assistant,Ah.\n";
    let (dialogues, notes) = read(table);
    assert_eq!(dialogues, [["u Is it lit?", "a It is.", "u Oh.", "a Ah."]]);
    assert!(is_noted(&notes, "numbers the messages"), "{notes:?}");
    let talks = "id,role,content\n1,user,Is it lit?\n1,assistant,It is.\n2,user,Is it lit?\n2,assistant,It is.\n";
    assert_eq!(read(talks).0, [TALK, TALK]);
    let both = "id,conversation_id,role,content\n1,a,user,Is it lit?\n2,a,assistant,It is.\n3,b,user,Is it lit?\n4,b,assistant,It is.\n";
    assert_eq!(read(both).0, [TALK, TALK]);
}

#[test]
fn talks_among_one_another_are_put_together() {
    let table = "conversation_id,role,content\na,user,Is it lit?\nb,user,Oh?\na,assistant,It is.\nb,assistant,Ah.\n";
    assert_eq!(read(table).0, [TALK, ["u Oh?", "a Ah."]]);
    let rows =
        [("a", "user", "Is it lit?"), ("b", "user", "Oh?"), ("a", "assistant", "It is."), ("b", "assistant", "Ah.")]
            .map(|(id, role, content)| {
                format!(r#"{{"conversation_id": "{id}", "role": "{role}", "content": "{content}"}}"#)
            });
    assert_eq!(read(&rows.join("\n")).0, [TALK, ["u Oh?", "a Ah."]]);
}

#[test]
fn what_comes_again_too_late_is_noted() {
    let long = "x".repeat(1 << 20);
    let row = |id: &str, role: &str, content: &str| {
        format!("{{\"conversation_id\": \"{id}\", \"role\": \"{role}\", \"content\": \"{content}\"}}\n")
    };
    let table = |row: &dyn Fn(&str, &str, &str) -> String| {
        let mut text = row("a", "assistant", "It is.");
        (0..20).for_each(|_| text.push_str(&row("b", "assistant", &long)));
        text + &row("a", "assistant", "Again.")
    };
    let csv = |id: &str, role: &str, content: &str| format!("{id},{role},{content}\n");
    for text in [table(&row), format!("conversation_id,role,content\n{}", table(&csv))] {
        let mut reader = Reader::new(text.as_bytes(), &Options::default()).unwrap();
        let ids: Vec<String> = reader.by_ref().map(|dialogue| dialogue.unwrap().id).collect();
        assert_eq!(ids, ["a", "b", "a"]);
        let notes = &reader.report().notes;
        assert!(notes.iter().any(|note| note.reason.contains("\"a\" goes on after others")), "{}", notes.len());
    }
}
