//! The narrator: what the demo says while it runs, and the report it leaves.
#![allow(clippy::print_stdout, reason = "telling is what it is for")]

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use lazai::store::write_atomically;
use serde_json::{Map, Value, json};

/// A narrator.
pub struct Tale {
    report: Map<String, Value>,
    started: Instant,
}

impl Tale {
    /// Begins to tell.
    #[must_use]
    pub fn begin(title: &str) -> Self {
        println!("\n  {title}\n  {}", "─".repeat(title.chars().count()));
        Self { report: Map::new(), started: Instant::now() }
    }

    /// A new phase.
    pub fn phase(&self, name: &str) {
        println!("\n▌ {name}");
    }

    /// Something that happened. Long hexadecimal numbers are told by their beginnings.
    pub fn say(&self, text: impl AsRef<str>) {
        println!("  {}", brief(text.as_ref()));
    }

    /// Part of a reply, as it comes.
    pub fn stream(&self, text: &str) {
        print!("{text}");
        let _ = std::io::stdout().flush();
    }

    /// Does something that takes a while, with a spinner.
    pub fn wait<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        let started = Instant::now();
        let result = work();
        bar.finish_and_clear();
        println!("  {what} ({:.1} s)", started.elapsed().as_secs_f64());
        result
    }

    /// A bar for long work: call the result with the position, the length and a remark.
    pub fn bar(&self, what: &str) -> impl FnMut(u64, u64, String) + use<> {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("  {msg} {wide_bar} {pos}/{len}, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let what = what.to_owned();
        let silent = !std::io::stderr().is_terminal();
        move |position, length, remark| {
            bar.set_length(length);
            bar.set_position(position);
            bar.set_message(format!("{what} {remark}"));
            // Without a terminal there is no bar: a line now and then instead.
            if silent && (position.is_multiple_of(10) || position == length) {
                println!("  {what} {position}/{length} {remark}");
            }
            if position == length {
                bar.finish_and_clear();
            }
        }
    }

    /// Notes a section of the report.
    pub fn note(&mut self, section: &str, value: Value) {
        self.report.insert(section.into(), value);
    }

    /// Writes the report.
    ///
    /// # Errors
    /// What the file system says.
    pub fn end(mut self, path: &Path) -> anyhow::Result<()> {
        self.report.insert("wall_s".into(), json!(self.started.elapsed().as_secs_f64()));
        write_atomically(path, &serde_json::to_vec_pretty(&Value::Object(self.report))?)?;
        println!("\n  The report is in {}\n", path.display());
        Ok(())
    }
}

/// Cuts numbers like `0x44792e74cffc…` to their first eight digits.
fn brief(text: &str) -> String {
    const DIGITS: usize = 8;
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (number, rest) = part.split_at(digits);
        let short = if digits > 2 * DIGITS { format!("{}…", &number[..DIGITS]) } else { number.to_owned() };
        out.push_str(&format!("0x{short}{rest}"));
    }
    out
}

/// An amount of AI gas with its 18 decimals.
#[must_use]
pub fn gas(amount: lazai::core::Amount) -> String {
    let digits = format!("{:019}", amount.base_units());
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazai::core::Amount;

    #[test]
    fn numbers_are_told_briefly_and_amounts_exactly() {
        assert_eq!(brief("a 0x12345678901234567 b 0x12"), "a 0x12345678… b 0x12");
        assert_eq!(gas(Amount::from_base_units(1)), "0.000000000000000001");
        assert_eq!(gas(Amount::from_base_units(10_000_000_000_000_000_000)), "10.000000000000000000");
    }
}
