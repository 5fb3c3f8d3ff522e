//! What a node's operator has: the status page, in Chromium; counts and alerts, by Prometheus' own tool; the unit, by systemd's.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::bindings::javascript;
use crate::served::Served;
use crate::shell::{has, root, run, target, without_npm};
use crate::web;

/// Checks all of it at a node that was talked with, as far as there are programs that do.
pub fn check(endpoint: &Served) -> Result<()> {
    let url = endpoint.value("LAZAI_OPERATIONS_URL").context("the endpoint did not say where its operator looks")?;
    let folder = root().join("examples").join("operate");
    match (without_npm(), javascript::chromium()) {
        (Some(reason), _) => println!("── skipped: the status page: {reason}"),
        (None, None) => println!("── skipped: the status page: no chromium on this machine"),
        (None, Some(browser)) => {
            let report = target().join("reports");
            std::fs::create_dir_all(&report)?;
            let mut visit = Command::new("node");
            visit.arg(folder.join("status.mjs")).env("CHROMIUM", browser).env("LAZAI_OPERATIONS_URL", url);
            run("the status page, in Chromium", visit.env("LAZAI_AXE", web::axe()?).env("LAZAI_REPORT", report))?;
        }
    }
    if has("promtool", "--version") {
        prometheus(url)?;
    } else {
        println!("── skipped: promtool is not on this machine (Debian has it in `prometheus`)");
    }
    if has("systemd-analyze", "--version") {
        unit()?;
    } else {
        println!("── skipped: systemd-analyze is not on this machine");
    }
    Ok(())
}

fn prometheus(url: &str) -> Result<()> {
    let folder = root().join("examples").join("operate");
    let mut config = Command::new("promtool");
    run("Prometheus' configuration and rules", config.args(["check", "config"]).arg(folder.join("prometheus.yml")))?;
    let mut tests = Command::new("promtool");
    run("what Prometheus' rules fire at", tests.args(["test", "rules"]).arg(folder.join("alerts_test.yml")))?;
    let mut ask = Command::new("curl");
    let said = ask.args(["--silent", "--fail", &format!("{url}/metrics")]).stderr(Stdio::inherit()).output()?;
    ensure!(said.status.success(), "{url}/metrics: {}", said.status);
    let file = target().join("reports").join("metrics.txt");
    std::fs::create_dir_all(target().join("reports"))?;
    std::fs::write(&file, older(&String::from_utf8(said.stdout)?))?;
    let mut metrics = Command::new("promtool");
    run("what a node counts, by promtool", metrics.args(["check", "metrics"]).stdin(std::fs::File::open(file)?))
}

/// The text in the form before OpenMetrics, which promtool reads: there, a counter's family has the ending of its samples.
fn older(metrics: &str) -> String {
    let counter = |line: &str| Some(line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?.to_owned());
    let counters: Vec<_> = metrics.lines().filter_map(counter).collect();
    let mut text = String::new();
    for line in metrics.lines().filter(|line| *line != "# EOF") {
        let family = line.strip_prefix("# ").and_then(|rest| rest.split(' ').nth(1));
        match family.filter(|family| counters.iter().any(|counter| counter == family)) {
            Some(family) => text.push_str(&line.replacen(family, &format!("{family}_total"), 1)),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The unit, as it would be with the program in its place.
fn unit() -> Result<()> {
    let unit = std::fs::read_to_string(root().join("examples/operate/lazai.service"))?;
    let folder = target().join("reports");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("lazai.service");
    std::fs::write(&path, unit.replace("/usr/local/bin/lazai ", "/bin/true "))?;
    let mut verify = Command::new("systemd-analyze");
    run("the unit, by systemd", verify.args(["verify", "--man=no"]).arg(&path))?;
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold=25"]).arg(&path).stdout(Stdio::null());
    run("what the unit may do, by systemd: at most 2.5 of 10", &mut security)
}
