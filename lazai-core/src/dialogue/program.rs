//! A chat program's own words under a sender's name, in the place of the message.

use serde_json::{Map, Value};

/// The mark that WhatsApp sets before its own words on iOS.
const MARK: char = '\u{200e}';

/// Whole messages of WhatsApp's for what was taken back, seen once or not answered, without a full stop at the end.
const WHOLE: [&str; 20] = [
    "null",
    "this message was deleted",
    "you deleted this message",
    "this message was deleted by admin",
    "waiting for this message. this may take a while",
    "missed voice call",
    "missed video call",
    "diese nachricht wurde gelöscht",
    "du hast diese nachricht gelöscht",
    "se eliminó este mensaje",
    "eliminaste este mensaje",
    "ce message a été supprimé",
    "vous avez supprimé ce message",
    "questo messaggio è stato eliminato",
    "hai eliminato questo messaggio",
    "mensagem apagada",
    "esta mensagem foi apagada",
    "dit bericht is verwijderd",
    "данное сообщение удалено",
    "вы удалили данное сообщение",
];
/// Extensions of files that people send, sorted.
const FILES: [&str; 28] = [
    "3gp", "aac", "amr", "apk", "avi", "csv", "doc", "docx", "gif", "heic", "jpeg", "jpg", "m4a", "mkv", "mov", "mp3",
    "mp4", "ogg", "opus", "pdf", "png", "pptx", "txt", "vcf", "wav", "webp", "xlsx", "zip",
];
/// Marks of edited messages, where no invisible mark tells them.
const EDITED: [&str; 6] = [
    "this message was edited",
    "diese nachricht wurde bearbeitet",
    "se editó este mensaje.",
    "ce message a été modifié",
    "questo messaggio è stato modificato",
    "mensagem editada",
];

/// Beginnings of polls.
const POLLS: [&str; 8] = ["POLL:", "UMFRAGE:", "SONDAGE:", "ENCUESTA:", "SONDAGGIO:", "ENQUETE:", "PEILING:", "ОПРОС:"];
/// Whole messages of Messenger's and Instagram's, without a full stop at the end.
const META: [&str; 12] = [
    "A aimé un message",
    "Audio call ended",
    "Hat eine Nachricht mit „Gefällt mir“ markiert",
    "Hat eine Nachricht mit \"Gefällt mir\" markiert",
    "La discussion vidéo a pris fin",
    "Le chat vidéo est terminé",
    "Liked a message",
    "Missed video chat",
    "The video chat ended",
    "Video chat ended",
    "Videochat beendet",
    "You sent an attachment",
];
/// Texts before and behind the sign of a reaction.
const REACTIONS: [(&str, &str); 9] = [
    ("A réagi ", " à ton message"),
    ("A réagi ", " à votre message"),
    ("Hat mit ", " auf deine Nachricht reagiert"),
    ("Ha reagito ", " al tuo messaggio"),
    ("Reaccionó ", " a tu mensaje"),
    ("Reacted ", " to your message"),
    ("Reagierte ", " auf deine Nachricht"),
    ("Reagiu ", " à sua mensagem"),
    ("Reagiu ", " à tua mensagem"),
];
/// Deeds behind the sender's name, without a full stop at the end.
const DEEDS: [&str; 16] = [
    "a démarré un appel audio",
    "a démarré une discussion vidéo",
    "a envoyé une pièce jointe",
    "enviou um anexo",
    "envió un archivo adjunto",
    "ha inviato un allegato",
    "hat einen Anhang gesendet",
    "hat einen Sprachanruf gestartet",
    "hat einen Videochat gestartet",
    "hat einen Videoanruf gestartet",
    "heeft een bijlage verzonden",
    "missed your call",
    "sent an attachment",
    "started a call",
    "started a video chat",
    "started an audio call",
];

/// Beginnings of deeds behind the sender's name: they go on with names, nicknames, themes.
const DEEDS_OPEN: [&str; 53] = [
    "added ",
    "agregó ",
    "alterou ",
    "a ajouté ",
    "a changé ",
    "a défini ",
    "a modifié ",
    "a nommé ",
    "a quitté ",
    "a épinglé ",
    "a supprimé ",
    "adicionou ",
    "añadió ",
    "cambió ",
    "changed ",
    "cleared ",
    "configuró ",
    "created a poll",
    "created the group",
    "definiu ",
    "eliminó ",
    "ended the ",
    "ha aggiunto ",
    "ha cambiato ",
    "ha impostato ",
    "ha modificato ",
    "hat das ",
    "hat den ",
    "hat die ",
    "hat deinen ",
    "hat ein ",
    "hat eine ",
    "invited ",
    "is now an admin",
    "is waving ",
    "joined the ",
    "left the group",
    "made ",
    "mudou ",
    "named the group",
    "nombró ",
    "pinned ",
    "removed ",
    "responded ",
    "saiu ",
    "sent a ",
    "set the ",
    "set your ",
    "started ",
    "turned off ",
    "turned on ",
    "unsent a message",
    "voted for ",
];

/// Topics of such deeds.
const TOPICS: [&str; 43] = [
    "admin",
    "apelido",
    "apodo",
    "call",
    "chat",
    "conversa",
    "disappearing",
    "emoji",
    "encuesta",
    "enquete",
    "foto",
    "gif",
    "group",
    "groupe",
    "grupo",
    "gruppe",
    "gruppo",
    "link",
    "location",
    "mensagem",
    "mensaje",
    "message",
    "nachricht",
    "nickname",
    "photo",
    "poll",
    "pseudo",
    "quick reaction",
    "soprannome",
    "sondage",
    "sondaggio",
    "spitzname",
    "sticker",
    "tema",
    "theme",
    "thema",
    "thème",
    "to the group",
    "umfrage",
    "video",
    "voice message",
    "waving",
    "word effect",
];

/// The sender's part of a WhatsApp message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent<'t> {
    /// All of it.
    Words(&'t str),
    /// The words before a mark of the program's.
    Before(&'t str),
    /// Nothing; a caption may follow in the next line.
    File,
    /// Nothing.
    Nothing,
}

/// Tells the first line of a message from what the program wrote.
pub(super) fn sent(words: &str) -> Sent<'_> {
    let bare = words.trim_matches([MARK, '\u{200f}', ' ', '\r']);
    if is_bracketed(bare) || is_file(bare) {
        return Sent::File;
    }
    if is_poll(bare) || is_location(bare) {
        return Sent::Nothing;
    }
    if words.starts_with(MARK) || WHOLE.contains(&bare.trim_end_matches('.').to_lowercase().as_str()) {
        return Sent::Nothing;
    }
    match own_end(words) {
        Some(before) if before.trim().is_empty() => Sent::Nothing,
        Some(before) => Sent::Before(before),
        None => Sent::Words(words),
    }
}

/// True if a later line of a message is the program's: the choices of a poll, say.
pub(super) fn is_own_line(line: &str) -> bool {
    line.starts_with(MARK)
}

/// Returns the words before brackets that the program wrote at a line's end: `Hello <This message was edited>`.
pub(super) fn own_end(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let (before, inside) = line.strip_suffix(['>', '›'])?.rsplit_once(['<', '‹'])?;
    let is_own = before.ends_with(MARK) || EDITED.contains(&inside.to_lowercase().as_str());
    is_own.then(|| before.trim_end_matches([MARK, ' ']))
}

/// True if a whole message stands in brackets, as `<Media omitted>` does in all languages.
fn is_bracketed(text: &str) -> bool {
    let inside = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
    inside('<', '>')
        .or_else(|| inside('‹', '›'))
        .is_some_and(|inside| !inside.contains(['<', '>', '‹', '›']) && inside.chars().any(char::is_alphabetic))
}

/// True if a message is a poll; its question and choices follow in lines of their own.
fn is_poll(text: &str) -> bool {
    POLLS.iter().any(|poll| text.starts_with(poll))
}

/// True if a message is a place on a map: `location: https://maps.google.com/?q=1,2`, in any language.
fn is_location(text: &str) -> bool {
    let link = text.split_once(": ").map(|(_, link)| link).filter(|link| !link.contains(char::is_whitespace));
    link.is_some_and(|link| ["https://maps.", "https://www.google.com/maps"].iter().any(|map| link.starts_with(map)))
}

/// True if a message is a file's name and a remark: `IMG-1.jpg (file attached)`.
fn is_file(text: &str) -> bool {
    let Some((name, _)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) else { return false };
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| FILES.binary_search(&ending.as_str()).is_ok())
}

/// True if what stands behind the sender's name is what the sender did in the program.
fn is_deed(deed: &str, with_files: bool) -> bool {
    let about = || {
        let deed = deed.to_lowercase();
        TOPICS.iter().any(|topic| deed.contains(topic))
    };
    let opens = || !deed.contains('\n') && DEEDS_OPEN.iter().any(|open| deed.starts_with(open)) && about();
    deed.starts_with("created a poll") || (deed.ends_with('.') && (with_files || opens()))
}

/// Why a message of Messenger's or Instagram's is not its sender's words, if so.
pub(super) fn not_said(message: &Map<String, Value>) -> Option<String> {
    message.get("timestamp_ms")?;
    let text = |field: &str| message.get(field).and_then(Value::as_str).map(str::trim);
    if message.get("is_unsent") == Some(&Value::Bool(true)) {
        return Some("taken back by its sender".into());
    }
    let kind = text("type").filter(|kind| !["Generic", "Share", ""].contains(kind));
    let words = text("content").unwrap_or_default();
    let sender = text("sender_name").unwrap_or_default();
    let holds = |field: &&str| message.get(*field).is_some_and(crate::text::json::is_filled);
    let files = ["photos", "videos", "audio_files", "files", "gifs", "sticker", "share"].iter().any(holds);
    let bare = words.trim_end_matches(['.', ' ']);
    let deed = Some(sender)
        .filter(|sender| !sender.is_empty())
        .and_then(|sender| words.strip_prefix(sender)?.strip_prefix(' '));
    let is_own = META.contains(&bare)
        || message.contains_key("call_duration")
        || REACTIONS.iter().any(|(before, behind)| bare.starts_with(before) && bare.ends_with(behind))
        || deed.is_some_and(|deed| DEEDS.contains(&deed.trim_end_matches(['.', ' '])) || is_deed(deed, files));
    let reason = |what: &str| format!("{what}: a message of the chat program's");
    kind.map(|kind| reason(&format!("{kind:?}"))).or_else(|| is_own.then(|| reason(&format!("{words:?}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_wrote_is_told() {
        assert!(FILES.is_sorted());
        for words in [
            "<Media omitted>",
            "<Médias omis>",
            "‹Без медиафайлов›",
            "\u{200e}<attached: 1.jpg>",
            "a b.pdf (Datei angehängt)",
        ] {
            assert_eq!(sent(words), Sent::File, "{words}");
        }
        for words in [
            "POLL:",
            "POLL: Lit?",
            "location: https://maps.google.com/?q=1,2",
            "\u{200e}image omitted",
            "This message was deleted.",
            "null",
            " \u{200e}<x>",
        ] {
            assert!(!matches!(sent(words), Sent::Words(_)), "{words}");
        }
        assert_eq!(sent("Yes. \u{200e}<This message was edited>"), Sent::Before("Yes."));
        assert_eq!(sent("Yes. <This message was edited>"), Sent::Before("Yes."));
        assert_eq!(sent("Look \u{200e}<attached: 1.jpg>"), Sent::Before("Look"));
        for words in [
            "a <b> c",
            "<3",
            "I live in St.Ives (Cornwall)",
            "null and void",
            "a poll: yes",
            "Look: https://maps.google.com/ is good",
            "<a> or <b>",
            "x <b>",
        ] {
            assert_eq!(sent(words), Sent::Words(words));
        }
    }
}
