//! The short demo, killed at ten random moments, ends with the totals of an undisturbed run. So it also shows that
//! the demo works, on the real base model.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lazai_examples::stage::base_path;
use serde_json::Value;

const KILLS: u32 = 10;

fn demo(home: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cyber-diva"))
        .args(["--short", "--home"])
        .arg(home)
        .arg("--report")
        .arg(home.join("report.json"))
        .arg("--base")
        .arg(base_path().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finish(home: &Path) -> Value {
    let output = demo(home).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&std::fs::read(home.join("report.json")).unwrap()).unwrap()
}

#[test]
fn killed_at_any_moment_it_goes_on_from_where_it_was() {
    let (calm, stormy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for home in [&calm, &stormy] {
        // Both nodes have the same secret, or their replies would differ.
        let node = home.path().join("node");
        std::fs::create_dir_all(&node).unwrap();
        std::fs::write(node.join("secret"), [7; 32]).unwrap();
    }
    let started = Instant::now();
    let expected = finish(calm.path());
    let whole = started.elapsed();

    // Moments are drawn anew each time; each kill lets the run come a little further.
    let mut state = std::process::id() | 1;
    let mut killed = Vec::new();
    while killed.len() < KILLS as usize {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let moment = whole.mul_f64(f64::from(state >> 8) / f64::from(1 << 24) * 0.4);
        let mut run = demo(stormy.path());
        std::thread::sleep(moment);
        if run.try_wait().unwrap().is_some_and(|status| status.success()) {
            // It came to its end before: what is left to show is that running it again changes nothing.
            killed.push(Duration::ZERO);
            continue;
        }
        run.kill().unwrap();
        run.wait().unwrap();
        killed.push(moment);
    }
    let found = finish(stormy.path());
    for section in ["balances", "settlement", "governance", "chat"] {
        assert_eq!(found[section], expected[section], "{section}, killed after {killed:?}");
    }
    assert_eq!(found["training"]["adapter_digest"], expected["training"]["adapter_digest"]);
    assert_eq!(found["provenance"]["verified"], true);

    // The report has what it promises.
    assert_eq!(expected["quorum"]["tampered_rejected"], 2);
    assert_eq!(expected["settlement"]["conserved"], true);
    assert_eq!(expected["governance"]["conserved"], true);
    assert_eq!(expected["proof"]["zero_knowledge"], true);
    assert!(expected["training"]["loss_last"].as_f64() < expected["training"]["loss_first"].as_f64());
}
