//! What a file of sound says of itself: that it is synthetic, and who signed for it.

use std::io::Read as _;
use std::path::Path;

use lazai_facade::{LazaiError, SpeechNote, speech_note};
use serde::Serialize;

use crate::say::whose;

/// Largest file that a note is looked for in: more than a node speaks at once.
const MAX_BYTES: u64 = 64 << 20;
/// How every note begins.
const NOTE: &[u8] = b"{\"synthetic\":";

/// The note of a file, and whether it holds.
#[derive(Serialize)]
pub(crate) struct Marked {
    /// True if signatures and samples are those of the note.
    pub holds: bool,
    /// What it says.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    note: Option<SpeechNote>,
    /// Why it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// Looks for the note of a file of sound; none if nothing in it says that it is synthetic.
pub(crate) fn marked(path: &Path) -> Result<Option<Marked>, LazaiError> {
    let failed = |e: std::io::Error| LazaiError::new("file", format!("{}: {e}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    // A recording of another form has no note, and neither has a file without one: both are what people record.
    if bytes.len() as u64 > MAX_BYTES || !bytes.windows(NOTE.len()).any(|part| part == NOTE) {
        return Ok(None);
    }
    Ok(Some(match speech_note(bytes) {
        Ok(note) => Marked { holds: true, note: Some(note), error: None },
        Err(error) => Marked { holds: false, note: None, error: Some(crate::refusal(&error)["error"].clone()) },
    }))
}

/// What the note says, for people: a line.
pub(crate) fn in_words(marked: &Marked) -> String {
    if let Some(SpeechNote { node, model, voice, voice_digest, characters, session }) = &marked.note {
        let digest = voice_digest.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default();
        return format!(
            "\n  synthetic: node {node} signed for these samples of {model}, {}{digest}; {characters} characters, \
             session {session}",
            whose(*voice)
        );
    }
    let why = marked.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default();
    format!("\n  it says that it is synthetic, and that does not hold: {why}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::ffi::OsString;

    use lazai_facade::{Chat, LocalKey};
    use pollster::block_on;
    use serde_json::Value;

    /// A file that a node signed for: the speech of `vectors/chat/speech.json`.
    fn signed() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/chat/speech.json");
        let mut vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        vector["domain"]["chainId"] = 1.into();
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let domain = serde_json::from_value(vector["domain"].clone()).unwrap();
        let chat = Chat::new(text("conversation"), domain, LocalKey::from_hex(text("key")).unwrap()).unwrap();
        let speed = vector["speedMilli"].as_u64().map(|speed| u32::try_from(speed).unwrap());
        block_on(chat.ask_speech(text("text"), text("speechTerms"), speed, None)).unwrap();
        chat.hear_speech(text("stream").into_bytes()).unwrap();
        block_on(chat.finish_speech()).unwrap().wav
    }

    /// `lazai inspect` of a file with these bytes: the exit code, and the line.
    fn inspect(bytes: &[u8], words: &[&str]) -> (u8, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("line.wav");
        std::fs::write(&file, bytes).unwrap();
        let words = ["lazai", "inspect"].iter().chain(words).map(OsString::from);
        let mut told = Vec::new();
        let code = crate::run(words.chain([file.into_os_string()]), Box::new(std::io::empty()), &mut told);
        (code, String::from_utf8(told).unwrap())
    }

    #[test]
    fn a_file_of_speech_is_held_to_what_it_says() {
        let mut file = signed();
        let (code, told) = inspect(&file, &["--json"]);
        let facts: Value = serde_json::from_str(&told).unwrap();
        let speech = &facts["speech"];
        assert_eq!((code, &speech["holds"], &speech["voice"]), (0, &true.into(), &"character".into()), "{told}");
        assert_eq!((&speech["model"], &speech["characters"]), (&"dat:1:1".into(), &50.into()));
        let node = speech["node"].as_str().unwrap();
        let (code, told) = inspect(&file, &[]);
        assert!(code == 0 && told.contains("audio") && told.contains("synthetic") && told.contains(node), "{told}");
        // One bit of one sample.
        file[60] ^= 1;
        let (code, told) = inspect(&file, &["--json"]);
        let facts: Value = serde_json::from_str(&told).unwrap();
        let speech = &facts["speech"];
        assert_eq!((code, &speech["holds"], &speech["error"]["code"]), (1, &false.into(), &"speech.broken".into()));
        let (code, told) = inspect(&file, &[]);
        assert!(code == 1 && told.contains("does not hold: the samples are others"), "{told}");
    }

    #[test]
    fn a_recording_says_nothing_and_that_is_no_fault() {
        // The same sound without its note: 44 bytes of head, 1,500 samples.
        let mut file = signed()[..44 + 3_000].to_vec();
        file[4..8].copy_from_slice(&(36_u32 + 3_000).to_le_bytes());
        let (code, told) = inspect(&file, &["--json"]);
        let facts: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((code, &facts["kind"], facts.get("speech")), (0, &"audio".into(), None), "{told}");
    }
}
