//! Programs of the examples that serve until their standard input ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::shell::target;

/// A program that serves; it ends with this.
pub struct Served {
    name: &'static str,
    child: Child,
    said: BufReader<ChildStdout>,
    told: Vec<(String, String)>,
}

impl Served {
    /// Starts an example, which is built, and waits until it told so many `NAME=value`s.
    pub fn start(name: &'static str, told: usize, prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = Command::new(program(name));
        prepare(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(name)?;
        let said = BufReader::new(child.stdout.take().context("no output")?);
        let mut served = Self { name, child, said, told: Vec::new() };
        while served.told.len() < told {
            let line = served.line()?;
            let (name, value) = line.split_once('=').with_context(|| format!("{name} said {line:?}"))?;
            served.told.push((name.to_owned(), value.to_owned()));
        }
        Ok(served)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.said.read_line(&mut line)? > 0, "example {} ended before it said what it should", self.name);
        Ok(line.trim_end().to_owned())
    }

    /// What it told, as variables of a command's.
    pub fn told<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.told.iter().cloned())
    }

    /// One thing that it told.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.told.iter().find(|(told, _)| told == name).map(|(_, value)| value.as_str())
    }

    /// Ends its standard input; gives what it says at the end.
    pub fn stop(&mut self) -> Result<String> {
        drop(self.child.stdin.take());
        let last = self.line()?;
        println!("   {}: {last}", self.name);
        ensure!(self.child.wait()?.success(), "example {} failed", self.name);
        Ok(last)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of an example.
pub fn program(name: &str) -> std::path::PathBuf {
    target().join("debug").join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
