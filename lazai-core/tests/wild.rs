//! Dialogues and lists of recordings with the dirt of real programs: what is learnt of them, and what is context.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use lazai_core::dialogue::{Dialogue, Options, Role, read_all};
use lazai_core::inspect::{Kind, inspect_as};
use lazai_core::report::Report;
use lazai_core::voice::{ManifestError, read_manifest};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/characters/wild")).join(name)
}

fn of(character: &str) -> Options {
    Options { character: Some(character.into()), ..Options::default() }
}

fn read(name: &str, options: &Options) -> (Vec<Dialogue>, Report) {
    read_all(&std::fs::read(path(name)).unwrap(), options).unwrap()
}

/// Role by its first letter, and text; a reply that is context only is `c`.
fn said(dialogue: &Dialogue) -> Vec<String> {
    let letter = |index: usize, role: Role| match role {
        Role::Assistant if dialogue.context.contains(&u32::try_from(index).unwrap()) => "c",
        role => &role.as_str()[..1],
    };
    dialogue.messages.iter().enumerate().map(|(i, m)| format!("{} {}", letter(i, m.role), m.content)).collect()
}

#[test]
fn half_an_emoji_costs_half_an_emoji() {
    let (dialogues, report) = read("half-emoji.jsonl", &Options::default());
    assert_eq!(said(&dialogues[0]), ["u Cut here \u{fffd}", "a Fine."]);
    assert!(report.notes[0].reason.contains("surrogate"), "{:?}", report.notes);
    assert_eq!(read("half-emoji-log.jsonl", &Options::default()).0[0].messages[0].content, "Half \u{fffd}");
}

#[test]
fn only_the_characters_own_words_are_learnt() {
    let (narrated, _) = read("narrator.jsonl", &Options::default());
    assert_eq!(said(&narrated[0]), ["a Hello.", "u Hi.", "s Rain begins to fall.", "a Come in."]);
    // Who speaks first is the character, unless the caller says who.
    let (of_nim, _) = read("group.jsonl", &Options::default());
    assert_eq!(said(&of_nim[0]), ["a Hello.", "u Kai: Ho.\nHi, both.\nKai: Sit down.", "a Tea?"]);
    let (of_kai, _) = read("group.jsonl", &of("kai"));
    assert_eq!(said(&of_kai[0]), ["u Nim: Hello.", "a Ho.", "u Hi, both.", "a Sit down.", "u Nim: Tea?"]);
    let (nobody, report) = read("group.jsonl", &of("Vesper"));
    let reason = "the character never speaks: nobody is called \"Vesper\"; names: \"Kai\", \"Nim\"";
    assert_eq!((nobody.len(), &*report.notes.last().unwrap().reason), (0, reason));
    let error = inspect_as(&path("group.jsonl"), &of("Vesper")).unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
    // A header's name that nobody has is not the character's.
    assert_eq!(said(&read("renamed.jsonl", &Options::default()).0[0]), ["u Hi.", "a Hello."]);
    let (of_nim, _) = read("discord.json", &of("Nim"));
    assert_eq!(said(&of_nim[0]), ["u Pat: Hi", "a Hello.", "u Kai: Ho.", "a Tea?"]);
    assert_eq!(inspect_as(&path("discord.json"), &of("Nim")).unwrap().turns, 4);
}

#[test]
fn one_name_is_written_in_many_ways() {
    for (written, named) in [
        ("vesper_volt", "Vesper Volt"),
        ("VESPER VOLT", "vesper_volt"),
        ("Jose\u{301}", "Jos\u{e9}"),
        ("~\u{202f}Vesper", "Vesper"),
        ("~ Vesper", "Vesper"),
    ] {
        let text = json!({"messages": [{"from": "Pat", "value": "Hi"}, {"from": written, "value": "Yo."}]}).to_string();
        assert_eq!(only(&text, &of(named)), ["u Pat: Hi", "a Yo."], "{written}");
    }
    assert!(only(r#"{"messages": [{"from": "Vesperine", "value": "Yo."}]}"#, &of("Vesper")).is_empty());
}

#[test]
fn lines_with_commas_after_them_are_read() {
    let line = |text: &str| format!("{{\"prompt\": \"Hi\", \"response\": \"{text}\"}}");
    let text = format!("{},\n{},\n{}\n", line("One."), line("Two."), line("Three."));
    let (dialogues, report) = read_all(text.as_bytes(), &Options::default()).unwrap();
    assert_eq!((dialogues.len(), report.dropped, report.repaired), (3, 0, 2));
    assert_eq!(report.notes[0].reason, "a comma after the record, left out");
}

#[test]
fn a_table_of_dialogues_with_files_is_no_list_of_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.csv");
    let kind = |table: &str| {
        std::fs::write(&file, table).unwrap();
        inspect_as(&file, &of("Nim")).unwrap().kind
    };
    assert_eq!(kind("role,text,audio\nuser,Hi,\nassistant,Yo.,a.wav\n"), Kind::Dialogue);
    assert_eq!(kind("file,speaker,text\na.txt,Pat,Hi\na.txt,Nim,Yo.\n"), Kind::Dialogue);
    assert_eq!(kind("file,speaker,text,licence,consent\na.wav,Nim,Yo.,CC0-1.0,\n"), Kind::VoiceManifest);
}

#[test]
fn a_thousand_notes_hide_no_loss() {
    let twice = r#"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]}"#;
    let text = format!("{}broken{{\n", format!("{twice}\n").repeat(1_001));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.jsonl");
    std::fs::write(&file, &text).unwrap();
    let found = inspect_as(&file, &Options::default()).unwrap();
    assert_eq!((found.dropped.len(), found.dropped_total), (1, 1));
    assert_eq!((found.changed.len(), found.changed_total), (1_000, 1_001));
}

#[test]
fn what_must_not_be_learnt_is_context() {
    for file in ["weight.jsonl", "train-false.jsonl"] {
        let (dialogues, _) = read(file, &Options::default());
        assert_eq!(said(&dialogues[0]), ["u Capital of France?", "c Berlin.", "u No.", "a Paris."], "{file}");
        assert_eq!(dialogues.len(), 1, "{file}");
    }
    assert_eq!(said(&read("weight-beside.jsonl", &Options::default()).0[0]), ["u Hi", "a Hello."]);
}

#[test]
fn what_is_filled_counts() {
    let (dialogues, _) = read("alpaca-empty.jsonl", &Options::default());
    let all: Vec<_> = dialogues.iter().flat_map(said).collect();
    let expected =
        ["u Name a colour.", "a Blue.", "s Be brief.", "u Name a fruit.", "a Pear.", "u Name a tree.", "a Oak."];
    assert_eq!(all, expected);
    let (dialogues, _) = read("filled.jsonl", &Options::default());
    assert_eq!((&*dialogues[0].contributor, &*dialogues[1].id), ("mira", "c7"));
    let (dialogues, report) = read("alpaca-nulls.jsonl", &Options::default());
    assert_eq!(said(&dialogues[1]), ["u Add 2 and 2.", "a 4"]);
    let reason = "no response is filled in the fields [\"instruction\", \"output\"]";
    assert_eq!(report.notes.last().unwrap().reason, reason);
}

#[test]
fn encodings_before_unicode_are_read() {
    assert_eq!(
        said(&read("cp1252.csv", &Options::default()).0[0]),
        ["u What is a café?", "a A small résumé of a bar × naïve."]
    );
    assert_eq!(said(&read("cp1252.txt", &Options::default()).0[0]), ["u What is a café?", "a A bar."]);
    assert_eq!(said(&read("cp1252-late.jsonl", &Options::default()).0[120]), ["u café", "a oui"]);
    assert_eq!(said(&read("utf16be.jsonl", &Options::default()).0[0]), ["u Zoé 😀?", "a Oui."]);
    assert_eq!(said(&read("utf16.csv", &Options::default()).0[0]), ["u Hi", "a Hello"]);
    assert_eq!(said(&read("shift-jis.txt", &Options::default()).0[0])[0], "u 塔はどこにありますか。");
}

#[test]
fn the_branch_that_the_conversation_ended_with_is_read() {
    let (dialogues, _) = read("chatgpt.json", &Options::default());
    let replies: Vec<_> = dialogues.iter().map(|d| said(d).pop().unwrap()).collect();
    assert_eq!(replies, ["a It is lit.", "a It is lit.", "a No."]);
    assert_eq!(dialogues[2].id, "c-3");
}

#[test]
fn lists_of_recordings_are_read_as_tables_are() {
    let comma = "file,transcript,contributor,licence,consent\r\na.wav,Le café,mira,CC0-1.0,I agree\r\n";
    let (expected, _) = read_manifest(comma.as_bytes()).unwrap();
    assert_eq!(expected[0].transcript, "Le café");
    let semicolons = comma.replace(',', ";");
    let utf16: Vec<u8> = [0xFEFF].into_iter().chain(comma.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = comma.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for bytes in [
        semicolons.clone().into_bytes(),
        comma.replace(',', "\t").into_bytes(),
        format!("\u{feff}sep=;\r\n{semicolons}").into_bytes(),
        utf16,
        latin.clone(),
        br#"{"file": "", "path": "a.wav", "text": "Le caf\u00e9", "speaker": "mira", "license": "CC0-1.0", "consent": "I agree", "score": NaN}"#.to_vec(),
        br#"{"audio": {"path": "a.wav", "bytes": null}, "sentence": "Le caf\u00e9", "contributor": "mira", "licence": "CC0-1.0", "consent": "I agree"}"#.to_vec(),
    ] {
        assert_eq!(read_manifest(&bytes).unwrap().0, expected, "{}", String::from_utf8_lossy(&bytes));
    }
    assert!(read_manifest(&latin).unwrap().1.notes[0].reason.contains("windows-1252"));
    let common_voice = b"client_id\tpath\tsentence\tlicence\tconsent\nx\ta.wav\tHush now\tCC0-1.0\tI agree\n";
    assert_eq!(read_manifest(common_voice).unwrap().0[0].contributor, "x");
    let missing = read_manifest(b"file;words\na.wav;x\n").unwrap_err();
    let found = vec!["file".to_owned(), "words".to_owned()];
    assert_eq!(missing, ManifestError::MissingColumn { column: "transcript", found });
    let inspected = inspect_as(&path("voice.tsv"), &Options::default()).unwrap();
    assert_eq!((inspected.kind, inspected.assets), (Kind::VoiceManifest, 1));
}

/// The messages of the only dialogue of a text; none if there is none.
fn only(text: &str, options: &Options) -> Vec<String> {
    let (dialogues, _) = read_all(text.as_bytes(), options).unwrap();
    dialogues.iter().flat_map(said).collect()
}

#[test]
fn a_name_beside_a_role_is_heeded_where_the_character_is_named() {
    let text = r#"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "name": "Lira", "content": "I."}, {"role": "assistant", "name": "Brom", "content": "Grunt."}]}"#;
    assert_eq!(only(text, &of("lira")), ["u Who?", "a I.", "u Brom: Grunt."]);
    // People may be called as programs are.
    let text = r#"{"messages": [{"author": {"name": "Claude"}, "content": "Lamps?"}, {"author": {"name": "Lira"}, "content": "Lit."}]}"#;
    assert_eq!(only(text, &of("Lira")), ["u Claude: Lamps?", "a Lit."]);
    let blocks =
        "<START>\nTom: Who is there?\nLira: Only us.\nAnd the cat.\nBrom: And me!\nLira: Sit.\nnote: a list follows\n";
    let options = Options { user: Some("Tom".into()), ..of("Lira") };
    let expected = ["u Who is there?", "a Only us.\nAnd the cat.", "u Brom: And me!", "a Sit.\nnote: a list follows"];
    assert_eq!(only(blocks, &options), expected);
}

#[test]
fn what_a_program_says_or_passes_on_is_not_the_characters() {
    let text = r#"{"messages": [
        {"type": "Default", "author": {"name": "Pat"}, "content": "Hi"},
        {"type": "GuildMemberJoin", "author": {"name": "Lira"}, "content": "Joined the server."},
        {"type": "Reply", "author": {"name": "Lira"}, "content": "Hello."}]}"#;
    assert_eq!(only(text, &of("Lira")), ["u Pat: Hi", "a Hello."]);
    let text = r#"{"messages": [
        {"type": "message", "date_unixtime": "1", "from": "Lira", "text": ["See ", {"type": "link", "text": "a.b"}, " please"]},
        {"type": "message", "date_unixtime": "2", "from": "Lira", "forwarded_from": "Brom", "text": "Not mine."},
        {"type": "service", "date_unixtime": "3", "actor": "Lira", "from": "Lira", "text": "pinned"}]}"#;
    assert_eq!(only(text, &of("Lira")), ["a See a.b please", "u Brom: Not mine."]);
    let text = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "Yo."}]}]}"#;
    assert_eq!(only(text, &Options::default()), ["u Hi", "a Yo."]);
    let text =
        r#"{"messages": [{"role": "user", "content": ["One.", "Two."]}, {"role": "assistant", "content": "Yo."}]}"#;
    assert_eq!(only(text, &Options::default()), ["u One.\nTwo.", "a Yo."]);
}

#[test]
fn what_a_record_says_of_itself_is_heeded() {
    for bad in [
        r#"{"prompt": "Hi", "response": "Bad.", "weight": 0}"#,
        r#"{"prompt": "Hi", "completion": "Bad.", "label": false}"#,
        r#"{"prompt": "Hi", "completion": "Bad.", "label": 0}"#,
        r#"{"prompt": "Hi", "completion": "Bad.", "label": "False"}"#,
        r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Bad."}], "kto_tag": "false"}"#,
        r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Bad."}], "train": false}"#,
    ] {
        let text = format!("{bad}\n{{\"prompt\": \"Hi\", \"response\": \"Good.\"}}\n");
        let (dialogues, report) = read_all(text.as_bytes(), &Options::default()).unwrap();
        assert_eq!(
            (dialogues.len(), &*report.notes.last().unwrap().reason),
            (1, "nothing of it may be learnt"),
            "{bad}"
        );
    }
    let text = r#"{"character": "Lira", "prompt": "Who?", "reply": "I."}"#;
    assert_eq!(only(text, &Options::default()), ["u Who?", "a I."]);
}

#[test]
fn rows_that_are_shifted_are_not_taken() {
    let (dialogues, report) =
        read_all(b"prompt,response\nHi,Yo, how are you\nBye,Ciao,\n", &Options::default()).unwrap();
    assert_eq!((dialogues.len(), &*report.notes[0].reason), (1, "the row has more cells than the header"));
    let table = b"file,transcript,contributor,licence,consent\na.wav,Hush, now,mira,CC-BY-4.0,\n";
    assert_eq!(read_manifest(table).unwrap().0, []);
    for consent in
        ["No!", "withdrawn", "pending", "?", "not yet", "N/A", "No consent", "I do not agree", "nein", "not granted"]
    {
        let table = format!("file,transcript,contributor,licence,consent\na.wav,Hush,mira,CC0-1.0,{consent}\n");
        assert_eq!(read_manifest(table.as_bytes()).unwrap().0, [], "{consent}");
    }
    let row = "a.wav,Hush,mira,CC0-1.0,perhaps\n";
    let table =
        format!("file,transcript,contributor,licence,consent\n{}b.wav,Hush,mira,None given,yes\n", row.repeat(2));
    let (takes, report) = read_manifest(table.as_bytes()).unwrap();
    let reasons: Vec<_> = report.notes.iter().map(|note| &*note.reason).collect();
    assert_eq!(takes.len(), 2);
    assert_eq!(reasons, ["consent \"perhaps\", taken as given", "\"b.wav\": no licence is given: \"None given\""]);
    // Old Macs' lines, and quotation marks that only begin.
    let table = b"client_id\tpath\tsentence\tlicence\tconsent\rx\ta.wav\t\"Hush now\tCC0-1.0\tyes\rx\tb.wav\tOh\tCC0-1.0\tyes\r";
    let takes = read_manifest(table).unwrap().0;
    assert_eq!((takes.len(), &*takes[0].transcript), (2, "\"Hush now"));
    assert!(read_all(b"prompt,response\rHi,Yo\r", &Options::default()).is_err());
}

/// What a field may hold: nothing, null, nothing to read, a number, a text.
fn field() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        Just(Some(json!(""))),
        Just(Some(json!(" \n"))),
        Just(Some(json!([]))),
        Just(Some(json!(false))),
        (0..9_u8).prop_map(|n| Some(json!(n))),
        "[a-z]{1,3}".prop_map(|text| Some(json!(text))),
    ]
}

const PROMPTS: [&str; 7] = ["instruction", "prompt", "question", "query", "input", "user", "human"];
const RESPONSES: [&str; 10] =
    ["output", "response", "completion", "answer", "assistant", "target", "reply", "chosen", "bot", "character"];
const OTHERS: [&str; 6] = ["system", "system_prompt", "contributor", "author", "id", "conversation_id"];

/// The rule: of several names for one thing, the first counts whose field is neither absent nor null nor empty nor false.
fn first(record: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match record.get(*name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

proptest! {
    #[test]
    fn the_first_filled_field_counts_in_any_record(
        fields in proptest::collection::vec(field(), PROMPTS.len() + RESPONSES.len() + OTHERS.len()),
        order in any::<u64>(),
    ) {
        let names = PROMPTS.iter().chain(&RESPONSES).chain(&OTHERS);
        let mut present: Vec<_> = names.zip(fields).filter_map(|(name, value)| Some((*name, value?))).collect();
        let by = usize::try_from(order).unwrap_or_default() % present.len().max(1);
        present.rotate_left(by);
        let text: Vec<String> = present.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
        let record: Map<String, Value> = present.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // A good record before it, so that the file is of a known format whatever comes.
        let file = format!("{}\n{{{}}}\n", json!({"prompt": "hi", "response": "ho"}), text.join(", "));
        let (dialogues, report) = read_all(file.as_bytes(), &Options::default()).unwrap();
        match (first(&record, &PROMPTS), first(&record, &RESPONSES)) {
            (Some(prompt), Some(response)) => {
                let system = first(&record, &OTHERS[..2]).map(|system| format!("s {system}"));
                let input = first(&record, &["input"]).filter(|_| first(&record, &["instruction"]).is_some());
                let prompt = input.map_or(format!("u {prompt}"), |input| format!("u {prompt}\n\n{input}"));
                let expected: Vec<String> = system.into_iter().chain([prompt, format!("a {response}")]).collect();
                prop_assert_eq!(said(&dialogues[1]), expected);
                prop_assert_eq!(&dialogues[1].contributor, &first(&record, &OTHERS[2..4]).unwrap_or_default());
                prop_assert_eq!(&dialogues[1].id, &first(&record, &OTHERS[4..]).unwrap_or("line-2".into()));
            }
            _ => prop_assert!(dialogues.len() == 1 && report.dropped == 1, "{:?}", report.notes),
        }
    }
}
