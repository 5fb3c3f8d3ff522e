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

    /// Something that happened.
    pub fn say(&self, text: impl AsRef<str>) {
        println!("  {}", text.as_ref());
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
