//! The macros that makers of cards and front ends know, by name.
//!
//! Sources: Character Card V3; SillyTavern's `macros.js` and its documentation; RisuAI's list of CBS functions; Eliza's
//! templates; Backyard's manual.

/// The effect of a macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The character's name.
    Char,
    /// The user's name.
    User,
    Card(Text),
    Original,
    Last(Who),
    LastId,
    Time,
    Date,
    Weekday,
    IsoTime,
    IsoDate,
    Unix,
    Format,
    Random,
    Pick,
    Roll,
    Reverse,
    Lower,
    Upper,
    Equal(bool),
    Newline,
    Space,
    Trim,
    SetVar,
    SetDefault,
    AddVar,
    IncVar(bool),
    GetVar,
    HiddenKey,
    /// Says nothing, and never meant to.
    Nothing,
    /// Means something that is not here: a picture, a setting, a persona.
    Lacking,
    /// Opens a block that is kept if the argument is true: RisuAI's spelling, or SillyTavern's.
    If(Truth),
    Else,
    EndIf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Description,
    Personality,
    Scenario,
    Examples,
    FirstMessage,
    SystemPrompt,
    PostHistory,
    CreatorNotes,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    User,
    Char,
}

/// The values that count as true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// `1` and `true` alone.
    Risu,
    /// Everything but nothing, `0`, `false` and `off`.
    SillyTavern,
}

/// Longest name of a macro.
const MAX_NAME_BYTES: usize = 40;

/// A macro taken apart: its name in lower case, and the rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call<'t> {
    pub name: String,
    pub argument: Argument<'t>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument<'t> {
    None,
    /// After `:` or `::`.
    Colon(&'t str),
    /// After white space, which only some macros allow.
    Spaced(&'t str),
}

/// Takes apart the text between the braces; `None` if it is no name.
pub(super) fn call(inside: &str) -> Option<Call<'_>> {
    let inside = inside.trim();
    if let Some(note) = inside.strip_prefix("//") {
        return Some(Call { name: "//".into(), argument: Argument::Spaced(note) });
    }
    if inside.starts_with(['.', '$']) {
        return short(inside);
    }
    let head = &inside[..inside.floor_char_boundary(MAX_NAME_BYTES)];
    let end = head.find(|c: char| c == ':' && !head.starts_with(':') || c.is_whitespace()).unwrap_or(head.len());
    let (name, rest) = inside.split_at(end);
    if name.is_empty() || (end == head.len() && !rest.is_empty()) || name.contains(['{', '}']) {
        return None;
    }
    let argument = match rest.trim_start() {
        "" => Argument::None,
        after => match after.strip_prefix("::").or_else(|| after.strip_prefix(':')) {
            Some(argument) => Argument::Colon(argument),
            None => Argument::Spaced(after),
        },
    };
    Some(Call { name: name.to_ascii_lowercase(), argument })
}

/// SillyTavern's short way to write variables: `.mood`, `.mood = calm`, `$day++`.
fn short(inside: &str) -> Option<Call<'_>> {
    let variable = &inside[1..];
    let end = variable.find(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).unwrap_or(variable.len());
    let bare = variable[..end].trim_end_matches('-');
    if !bare.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (name, argument) = match variable[bare.len()..].trim() {
        "" => ("getvar", bare),
        "++" => ("incvar", bare),
        "--" => ("decvar", bare),
        rest if rest.starts_with("+=") => ("addvar", variable),
        rest if rest.starts_with('=') && !rest.starts_with("==") => ("setvar", variable),
        _ => return None,
    };
    Some(Call { name: name.into(), argument: Argument::Colon(argument) })
}

/// The effect of a macro that a maker knows.
pub(super) fn known(call: &Call<'_>) -> Option<Known> {
    let name = call.name.as_str();
    let known = by_name(name).or_else(|| numbered(name))?;
    let spaces = matches!(known, Known::Roll | Known::Format | Known::If(_) | Known::Else | Known::EndIf)
        || name.starts_with(['#', '/'])
        || ["banned", "?"].contains(&name);
    let fits = match call.argument {
        // Common words, which mean something with an argument alone.
        Argument::None => NEEDS_ARGUMENT.binary_search(&name).is_err(),
        Argument::Spaced(_) => spaces,
        // A name takes no argument: `{{user: …}}` is prose.
        Argument::Colon(_) => {
            !matches!(known, Known::Char | Known::User | Known::Original | Known::Else | Known::EndIf)
        }
    };
    fits.then_some(known)
}

/// `user1`, `name2`: the people of Eliza's examples. `time_utc+2`: SillyTavern's clock elsewhere.
fn numbered(name: &str) -> Option<Known> {
    let number = name.strip_prefix("user").or_else(|| name.strip_prefix("name"));
    if number.is_some_and(|n| !n.is_empty() && n.len() <= 2 && n.bytes().all(|b| b.is_ascii_digit())) {
        return Some(Known::User);
    }
    name.strip_prefix("time_utc").map(|_| Known::Time)
}

fn by_name(name: &str) -> Option<Known> {
    Some(match name {
        "char" | "bot" | "charifnotgroup" | "group" | "groupnotmuted" | "agentname" => Known::Char,
        "user" | "notchar" | "sendername" => Known::User,
        "description" | "chardescription" | "char_description" | "char_desc" | "chardesc" | "charpersona"
        | "char_persona" => Known::Card(Text::Description),
        "personality" | "charpersonality" | "char_personality" => Known::Card(Text::Personality),
        "scenario" | "charscenario" => Known::Card(Text::Scenario),
        "mesexamples" | "mesexamplesraw" | "exampledialogue" | "example_dialogue" | "examplemessage"
        | "example_message" => Known::Card(Text::Examples),
        "charfirstmessage" | "charfirstmes" => Known::Card(Text::FirstMessage),
        "charprompt" => Known::Card(Text::SystemPrompt),
        "charinstruction" | "charjailbreak" => Known::Card(Text::PostHistory),
        "charcreatornotes" | "creatornotes" => Known::Card(Text::CreatorNotes),
        "charversion" | "char_version" => Known::Card(Text::Version),
        "original" => Known::Original,
        "lastmessage" => Known::Last(Who::Anyone),
        "lastusermessage" | "previous_user_chat" | "previoususerchat" => Known::Last(Who::User),
        "lastcharmessage" | "previous_char_chat" | "previouscharchat" => Known::Last(Who::Char),
        "lastmessageid" => Known::LastId,
        "time" => Known::Time,
        "date" => Known::Date,
        "weekday" => Known::Weekday,
        "isotime" => Known::IsoTime,
        "isodate" => Known::IsoDate,
        "unixtime" => Known::Unix,
        "datetimeformat" | "datetime" => Known::Format,
        "random" => Known::Random,
        "pick" => Known::Pick,
        "roll" => Known::Roll,
        "reverse" => Known::Reverse,
        "lower" => Known::Lower,
        "upper" => Known::Upper,
        "equal" => Known::Equal(true),
        "not_equal" | "notequal" => Known::Equal(false),
        "newline" | "br" | "cbr" => Known::Newline,
        "space" => Known::Space,
        "trim" => Known::Trim,
        "setvar" | "setglobalvar" | "settempvar" => Known::SetVar,
        "setdefaultvar" => Known::SetDefault,
        "addvar" | "addglobalvar" => Known::AddVar,
        "incvar" | "incglobalvar" => Known::IncVar(true),
        "decvar" | "decglobalvar" => Known::IncVar(false),
        "getvar" | "getglobalvar" | "gettempvar" | "tempvar" => Known::GetVar,
        "hidden_key" => Known::HiddenKey,
        "//" | "comment" | "noop" | "blank" | "none" => Known::Nothing,
        "#if" | "#if_pure" | "#ifpure" | "#when" => Known::If(Truth::Risu),
        "if" => Known::If(Truth::SillyTavern),
        "else" | ":else" => Known::Else,
        "/if" | "/if_pure" | "/ifpure" | "/when" => Known::EndIf,
        "?" => Known::Lacking,
        name if LACKING.binary_search(&name).is_ok() => Known::Lacking,
        _ => return None,
    })
}

/// Everyday words, which are macros only with an argument, in order.
const NEEDS_ARGUMENT: [&str; 31] = [
    "asset",
    "audio",
    "banned",
    "bg",
    "bgm",
    "button",
    "calc",
    "codeblock",
    "comment",
    "datetime",
    "declare",
    "emotion",
    "equal",
    "file",
    "hidden_key",
    "image",
    "img",
    "inlay",
    "inlayed",
    "lower",
    "metadata",
    "notequal",
    "outlet",
    "path",
    "position",
    "raw",
    "reverse",
    "rollp",
    "ruby",
    "source",
    "upper",
];

/// Macros for things that are not here, in order.
const LACKING: [&str; 105] = [
    "#code",
    "#each",
    "#escape",
    "#func",
    "#pure",
    "#pure_display",
    "#puredisplay",
    "/code",
    "/each",
    "/escape",
    "/func",
    "/pure",
    "/pure_display",
    "/puredisplay",
    "allchatrange",
    "asset",
    "assetlist",
    "audio",
    "authornote",
    "authorsnote",
    "axmodel",
    "banned",
    "bg",
    "bgm",
    "bkspc",
    "button",
    "calc",
    "chardepthprompt",
    "chat_index",
    "chatindex",
    "chatseparator",
    "chatstart",
    "chatvar",
    "codeblock",
    "currentswipeid",
    "decbc",
    "decbo",
    "declare",
    "defaultauthorsnote",
    "defaultsystemprompt",
    "deletevar",
    "emotion",
    "emotionlist",
    "examplesseparator",
    "file",
    "first_msg_index",
    "firstdisplayedmessageid",
    "firstincludedmessageid",
    "firstmsgindex",
    "globalnote",
    "hasvar",
    "idle_duration",
    "idleduration",
    "image",
    "img",
    "inlay",
    "inlayed",
    "inlayeddata",
    "input",
    "instructinput",
    "instructoutput",
    "instructstop",
    "instructsystem",
    "instructsystemprompt",
    "isfirstmsg",
    "ismobile",
    "jailbreak",
    "jb",
    "jbtoggled",
    "lastgenerationtype",
    "lastswipeid",
    "lorebook",
    "main_prompt",
    "mainprompt",
    "maxcontext",
    "maxprompt",
    "metadata",
    "model",
    "moduleenabled",
    "outlet",
    "path",
    "persona",
    "personadescription",
    "position",
    "previous_chat_log",
    "previouschatlog",
    "raw",
    "role",
    "rollp",
    "ruby",
    "screenheight",
    "screenwidth",
    "slot",
    "source",
    "summary",
    "system_prompt",
    "systemnote",
    "systemprompt",
    "tex",
    "timediff",
    "triggerid",
    "ujb",
    "user_persona",
    "userpersona",
    "video",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(LACKING.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(NEEDS_ARGUMENT.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_call_is_taken_apart() {
        let parts = |inside: &str| call(inside).map(|c| (c.name.clone(), format!("{:?}", c.argument)));
        assert_eq!(parts(" User "), Some(("user".into(), "None".into())));
        assert_eq!(parts("random::a::b"), Some(("random".into(), "Colon(\"a::b\")".into())));
        assert_eq!(parts("roll d6"), Some(("roll".into(), "Spaced(\"d6\")".into())));
        assert_eq!(parts(":else"), Some((":else".into(), "None".into())));
        assert_eq!(parts(""), None);
        assert_eq!(parts(&"x".repeat(41)), None);
        assert_eq!(parts(&"é".repeat(41)), None);
        assert_eq!(known(&call("user name").unwrap()), None);
        assert_eq!(known(&call("name7").unwrap()), Some(Known::User));
        assert_eq!(known(&call("name").unwrap()), None);
    }
}
