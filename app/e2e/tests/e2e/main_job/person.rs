//! People at a terminal: each has a home of their own, in which the command line keeps what it knows.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{System, binaries};

/// The command line of one person.
pub struct Person {
    home: PathBuf,
}

impl Person {
    pub fn new(system: &System, name: &str) -> Self {
        let home = system.scratch().join(name);
        std::fs::create_dir_all(&home).unwrap();
        Self { home }
    }

    /// Exit code, standard output and standard error.
    pub fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = Command::new(binaries::mpanel())
            .args(arguments)
            .env_clear()
            .env("HOME", &self.home)
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended before.
        let _gone = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    /// What a command that has to succeed prints.
    pub fn tells(&self, arguments: &[&str], input: &str) -> String {
        let (code, out, err) = self.run(arguments, input);
        assert_eq!(code, 0, "{arguments:?}: {out}{err}");
        out
    }

    /// The JSON document that a command that has to succeed prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.json_given(arguments, "")
    }

    /// The same of a command that reads `input`.
    pub fn json_given(&self, arguments: &[&str], input: &str) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let out = self.tells(&arguments, input);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// Exit code and message of a command that has to fail.
    pub fn fails(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let (code, out, err) = self.run(arguments, input);
        assert!(code > 0 && !err.is_empty(), "{arguments:?}: {code} {out}{err}");
        (code, err)
    }
}
