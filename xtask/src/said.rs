//! What programs that `cargo xtask` runs say of themselves, a line each in a file whose name they get in a variable.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::shell::target;

/// A file that programs add lines to.
pub struct Said {
    /// The variable that tells a program where it is.
    pub variable: &'static str,
    /// Its name among the reports.
    pub name: &'static str,
}

impl Said {
    pub fn file(&self) -> PathBuf {
        target().join("reports").join(self.name)
    }

    /// Begins anew.
    pub fn begin(&self) -> Result<()> {
        let file = self.file();
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        Ok(std::fs::write(file, "")?)
    }

    /// Tells a program where to say it.
    pub fn told<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let file = self.file();
        // A program that cannot say it fails, and names the file.
        let _ = file.parent().map(std::fs::create_dir_all);
        command.env(self.variable, file)
    }
}
