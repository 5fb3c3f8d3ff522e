//! `chat --speak`: replies that are heard, by the player that the system has, or kept in files.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use lazai_facade::native::data::keep_file;
use lazai_facade::native::node::NodeClient;
use lazai_facade::native::session::Session;
use lazai_facade::{Chat, LazaiError, SpeechListener, Spoken};
use pollster::block_on;
use serde_json::{Value, json};

use crate::args;
use crate::say::whose;

/// Players that take samples on their standard input (one channel, 16 bits, little-endian), with their arguments; `RATE` is the
/// samples a second.
const PLAYERS: [(&str, &[&str]); 5] = [
    ("pw-cat", &["--playback", "--raw", "--format=s16", "--channels=1", "--rate=RATE", "-"]),
    ("paplay", &["--raw", "--format=s16le", "--channels=1", "--rate=RATE"]),
    ("aplay", &["-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "RATE"]),
    ("play", &["-q", "-t", "raw", "-e", "signed", "-b", "16", "-L", "-c", "1", "-r", "RATE", "-"]),
    ("ffplay", &["-loglevel", "quiet", "-nodisp", "-autoexit", "-f", "s16le", "-ar", "RATE", "-i", "-"]),
];

/// Where spoken replies go.
pub(crate) struct Aloud {
    folder: Option<PathBuf>,
    player: Option<Player>,
    most: Option<String>,
}

/// A program of this system that plays samples.
struct Player {
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Player {
    /// The first one in the folders of a path.
    fn find(path: Option<OsString>) -> Option<Self> {
        let folders: Vec<PathBuf> = std::env::split_paths(&path?).collect();
        PLAYERS.iter().find_map(|(name, arguments)| {
            let program = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())?;
            Some(Self { program, arguments })
        })
    }

    fn start(&self, rate: u32) -> std::io::Result<Child> {
        let arguments = self.arguments.iter().map(|argument| argument.replace("RATE", &rate.to_string()));
        Command::new(&self.program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()
    }
}

/// Plays samples as they come, on a thread: who speaks does not wait for who listens.
struct Playing(Mutex<Option<mpsc::Sender<Vec<u8>>>>);

impl Playing {
    fn start(player: &Player, rate: u32) -> Result<(Arc<Self>, JoinHandle<std::io::Result<bool>>), LazaiError> {
        let failed = |e: std::io::Error| LazaiError::new("io", format!("{}: {e}", player.program.display()));
        let mut child = player.start(rate).map_err(failed)?;
        let (sender, phrases) = mpsc::channel::<Vec<u8>>();
        let playing = std::thread::spawn(move || {
            if let Some(mut input) = child.stdin.take() {
                // A player that is gone takes no more.
                let _ = phrases.iter().try_for_each(|phrase| input.write_all(&phrase));
            }
            child.wait().map(|status| status.success())
        });
        Ok((Arc::new(Self(Mutex::new(Some(sender)))), playing))
    }

    /// No more comes.
    fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl SpeechListener for Playing {
    fn on_sound(&self, samples: Vec<u8>, _: u32) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref().is_some_and(|sender| sender.send(samples).is_ok())
    }
}

impl Aloud {
    /// Where replies go, as it was asked for; none if they are not spoken. Fails before anything is opened or paid.
    pub fn new(verb: &args::Aloud, model: Option<&str>, node: &NodeClient) -> Result<Option<Self>, LazaiError> {
        if !verb.speak && verb.speak_to.is_none() {
            return Ok(None);
        }
        let player =
            if verb.speak { Some(Player::find(std::env::var_os("PATH")).ok_or_else(no_player)?) } else { None };
        if let Some(folder) = &verb.speak_to {
            let failed = |e: std::io::Error| LazaiError::new("file", format!("{}: {e}", folder.display()));
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut models = block_on(node.models())?.into_iter();
        let found = models.find(|found| model.is_none_or(|model| found.id == model));
        found.and_then(|found| found.speech_terms).ok_or_else(silent)?;
        Ok(Some(Self { folder: verb.speak_to.clone(), player, most: verb.speak_most.clone() }))
    }

    /// Speaks a reply. Words that cannot be spoken stand as they were said: the error is told, and the conversation goes on.
    pub fn speak(
        &self,
        chat: &Chat,
        text: String,
        node: &Arc<NodeClient>,
        session: &Session,
    ) -> Result<(Spoken, Option<PathBuf>), LazaiError> {
        // Those of now, held to the ledger.
        let terms = block_on(session.speech_terms())?.ok_or_else(silent)?;
        let rate = serde_json::from_str::<Value>(&terms)?["terms"]["sample_rate"].as_u64();
        let rate = rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or_default();
        let playing = self.player.as_ref().map(|player| Playing::start(player, rate)).transpose()?;
        let listener = playing.as_ref().map(|(playing, _)| playing.clone() as Arc<dyn SpeechListener>);
        let spoken = block_on(chat.speak(text, terms, node.clone(), None, self.most.clone(), listener));
        if let Some((playing, thread)) = playing {
            playing.close();
            let played = thread.join().map_err(|_| LazaiError::new("io", "the player's thread broke off"))?;
            if spoken.is_ok() && !played.is_ok_and(|played| played) {
                eprintln!("lazai: the player did not play the reply to its end");
            }
        }
        let spoken = spoken?;
        let file = self.folder.as_ref().map(|folder| folder.join(format!("turn-{:04}.wav", turns(chat))));
        if let Some(file) = &file {
            keep_file(&file.to_string_lossy(), &spoken.wav)?;
        }
        Ok((spoken, file))
    }
}

/// Turns of a conversation so far, spoken ones among them.
fn turns(chat: &Chat) -> usize {
    let kept = chat.to_json().ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or_default();
    ["receipts", "spoken"].iter().map(|kind| kept[kind].as_array().map_or(0, Vec::len)).sum()
}

fn silent() -> LazaiError {
    LazaiError::new("node.not_served", "the node has no voice for this character")
}

fn no_player() -> LazaiError {
    let names: Vec<&str> = PLAYERS.iter().map(|(name, _)| *name).collect();
    let told = format!("no player is on this system ({}); --speak-to FOLDER writes files instead", names.join(", "));
    LazaiError::new("request.player", told)
}

/// What is told of a spoken reply, as JSON.
pub(crate) fn told(spoken: &Spoken, file: Option<&Path>) -> Value {
    json!({
        "file": file, "characters": spoken.characters, "sampleRate": spoken.sample_rate, "voice": spoken.voice, "owed": spoken.owed,
    })
}

/// The same, for people.
pub(crate) fn in_words(spoken: &Spoken, file: Option<&Path>) -> String {
    let Spoken { characters, owed, voice, .. } = spoken;
    let file = file.map(|file| format!("{}: ", file.display())).unwrap_or_default();
    format!("  [{file}{characters} characters spoken, {}; {owed} promised so far]", whose(*voice))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder with a player that does this with its input.
    fn player(name: &str, does: &str) -> (tempfile::TempDir, Option<Player>) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let player = Player::find(Some(folder.path().into()));
        (folder, player)
    }

    #[test]
    fn a_player_gets_the_samples_in_order_and_their_rate() {
        let (folder, player) = player("aplay", r#"echo "$@" > "$0.said"; cat > "$0.heard""#);
        let (playing, thread) = Playing::start(&player.unwrap(), 24_000).unwrap();
        let phrases: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; 10_000]).collect();
        assert!(phrases.iter().all(|phrase| playing.on_sound(phrase.clone(), 24_000)));
        playing.close();
        assert!(thread.join().unwrap().unwrap());
        assert_eq!(std::fs::read(folder.path().join("aplay.heard")).unwrap(), phrases.concat());
        let said = std::fs::read_to_string(folder.path().join("aplay.said")).unwrap();
        assert_eq!(said.trim(), "-q -t raw -f S16_LE -c 1 -r 24000");
    }

    #[test]
    fn a_player_that_ends_early_stops_nobody() {
        let (_folder, player) = player("paplay", "exit 3");
        let (playing, thread) = Playing::start(&player.unwrap(), 24_000).unwrap();
        for _ in 0..50 {
            playing.on_sound(vec![0; 10_000], 24_000);
        }
        playing.close();
        assert!(!thread.join().unwrap().unwrap(), "it did not play to the end");
        assert!(!playing.on_sound(vec![0; 2], 24_000));
    }

    #[test]
    fn a_system_without_a_player_is_told_what_else_there_is() {
        let (_folder, none) = player("something", "true");
        assert!(none.is_none() && Player::find(None).is_none());
        let told = no_player();
        assert_eq!(told.code(), "request.player");
        assert!(told.detail().contains("ffplay") && told.detail().contains("--speak-to"));
    }
}
