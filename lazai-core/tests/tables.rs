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

#[test]
fn talks_are_told_apart_whatever_the_column_is_called() {
    for name in ["Conversation ID", "conversationId", "conv_id", "dialog_id", "threadId", "channel", "session"] {
        let table = format!(
            "{name},role,content\n1,user,Is it lit?\n1,assistant,It is.\n2,user,Is it lit?\n2,assistant,It is.\n"
        );
        assert_eq!(read(&table).0, [TALK, TALK], "{name}");
        let rows = [
            (1, "user", "Is it lit?"),
            (1, "assistant", "It is."),
            (2, "user", "Is it lit?"),
            (2, "assistant", "It is."),
        ];
        let rows = rows.map(|(id, role, said)| format!(r#"{{"{name}": {id}, "role": "{role}", "content": "{said}"}}"#));
        assert_eq!(read(&rows.join("\n")).0, [TALK, TALK], "{name}");
    }
}

#[test]
fn talks_are_read_in_the_order_in_which_they_were_held() {
    let newest_first =
        "DATE,FROM,CONTENT\n2024-01-02 10:00 UTC,assistant,It is.\n2024-01-01 10:00 UTC,user,Is it lit?\n";
    let rows = concat!(
        r#"{"role": "assistant", "content": "It is.", "created_at": 20}"#,
        "\n",
        r#"{"role": "user", "content": "Is it lit?", "created_at": 10}"#,
    );
    let list = r#"{"messages": [{"id": 2, "timestamp": "2024-01-02T10:00:00+00:00", "role": "assistant", "content": "It is."}, {"id": 1, "timestamp": "2024-01-01T10:00:00+00:00", "role": "user", "content": "Is it lit?"}]}"#;
    for text in [newest_first, rows, list, "turn,role,content\n2,assistant,It is.\n1,user,Is it lit?\n"] {
        let (dialogues, notes) = read(text);
        assert_eq!(dialogues, [TALK], "{text}");
        assert!(is_noted(&notes, "put in that order"), "{text}: {notes:?}");
    }
}

#[test]
fn quotation_marks_that_end_nothing_swallow_no_rows() {
    let many = "Is it lit?\tIt is.\n".repeat(300);
    let (dialogues, _) = read(&format!("prompt\tresponse\n\"Open\tI.\n{many}"));
    assert_eq!((dialogues.len(), &dialogues[0][..]), (301, &["u \"Open".to_owned(), "a I.".to_owned()][..]));
    let (dialogues, _) = read("prompt\tresponse\n\"Is it\nlit?\"\t\"It \"\"is\"\".\"\n");
    assert_eq!(dialogues, [["u Is it\nlit?", "a It \"is\"."]]);
    let database = "prompt,response\n\"Is \\\"it\\\", lit?\",\"It \\\"is\\\".\"\n";
    assert_eq!(read(database).0, [["u Is \"it\", lit?", "a It \"is\"."]]);
    assert_eq!(read("prompt,response,response\nIs it lit?,,It is.\n").0, [TALK]);
    assert_eq!(read("prompt,response\nIs it lit?_x000D_,It is.\n").0, [TALK]);
}

#[test]
fn signs_without_letters_are_windows_1252() {
    let bytes = b"prompt,response\nHow warm?,20\xb0C and \xa35 \xbd\n";
    let (dialogues, _) = lazai_core::dialogue::read_all(bytes, &Options::default()).unwrap();
    assert_eq!(dialogues[0].messages[1].content, "20°C and £5 ½");
}
