//! What a page has its reader run, and what it shows of the output.

/// The mark that stands for what differs from run to run.
const ANY: char = '…';

/// Commands of the page, and the output that it shows after them.
#[derive(Debug)]
pub struct Block {
    pub commands: String,
    pub shows: Option<String>,
    /// Programs that a comment before the commands names: without them, nothing of the page is run from here on.
    pub needs: Vec<String>,
}

/// The blocks of a page: fences of `sh`, each with the fence of `text` after it.
pub fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut needs) = (Vec::<Block>::new(), Vec::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(named) = line.strip_prefix("<!-- needs: ").and_then(|line| line.strip_suffix(" -->")) {
            needs = named.split(", ").map(str::to_owned).collect();
        }
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = text.join("\n");
        match kind {
            "sh" => blocks.push(Block { commands: text, shows: None, needs: std::mem::take(&mut needs) }),
            "text" => {
                let shows = &mut blocks.last_mut().expect("output before all commands").shows;
                assert!(shows.replace(text).is_none(), "two outputs of one block");
            }
            _ => {}
        }
    }
    blocks
}

/// Tells whether an output is as a page shows it. `…` is any text within a line, a line of it alone any number of lines; spaces are as
/// wide as they like.
pub fn is_shown(shows: &str, found: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = |text: &str| text.trim().lines().map(words).collect::<Vec<_>>();
    lines_match(&lines(shows), &lines(found))
}

fn lines_match(shows: &[String], found: &[String]) -> bool {
    let Some((first, rest)) = shows.split_first() else { return found.is_empty() };
    if first.chars().eq([ANY]) {
        return (0..=found.len()).any(|skipped| lines_match(rest, &found[skipped..]));
    }
    found.split_first().is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others))
}

fn line_matches(shows: &str, found: &str) -> bool {
    let mut parts = shows.split(ANY);
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn what_a_page_shows_is_held_to_what_came() {
    for (shows, found, holds) in [
        ("a\nb", "a\nb\n", true),
        ("a\nb", "a", false),
        ("a", "a\nb", false),
        ("root 0x…", "root 0x12", true),
        ("root 0x…", "roof 0x12", false),
        ("… of …, done", "3 of 4, done", true),
        ("… of …, done", "3 of 4, not done yet", false),
        ("x …  y", "x 1   y", true),
        ("a\n…\nb", "a\n1\n2\nb", true),
        ("a\n…\nb", "a\nb", true),
        ("a\n…\nb", "a\n1\n2", false),
        ("ab…ba", "aba", false),
        ("", "a", false),
    ] {
        assert_eq!(is_shown(shows, found), holds, "{shows:?} {found:?}");
    }
    let page = "```sh\na\n```\n\n```text\nb\n```\n<!-- needs: c -->\n```console\nd\n```\n```sh\ne\nf\n```\n";
    let [first, second] = &blocks(page)[..] else { panic!("two blocks") };
    assert_eq!((&*first.commands, first.shows.as_deref(), first.needs.len()), ("a", Some("b"), 0));
    assert_eq!((&*second.commands, second.shows.as_deref(), &second.needs[..]), ("e\nf", None, &["c".to_owned()][..]));
}
