//! What the administrator types and reads, as a page for people.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::organisation::Organisation;
use crate::harness::Output;

/// The code behind `--release` in what was printed.
pub(super) fn release_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("--release ")?;
    let code: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!code.is_empty()).then_some(code)
}

/// The page, in the making.
#[derive(Debug)]
pub(super) struct Transcript<'a> {
    organisation: &'a Organisation,
    page: String,
    /// Release codes, which follow from room IDs.
    codes: Vec<String>,
    /// Rooms that were created on the way, by ID.
    created: Vec<(String, String)>,
}

impl<'a> Transcript<'a> {
    /// Begins a page.
    pub(super) fn new(organisation: &'a Organisation, introduction: &str) -> Self {
        Self {
            organisation,
            page: introduction.to_owned(),
            codes: Vec::new(),
            created: Vec::new(),
        }
    }

    /// A paragraph, or a heading.
    pub(super) fn says(&mut self, text: &str) {
        self.page.push('\n');
        self.page.push_str(text);
        self.page.push('\n');
    }

    /// Runs the program and takes down what it prints.
    pub(super) async fn runs(&mut self, args: &[&str], code: i32) -> Result<Output> {
        let output = self.organisation.site.run(args).await?.exits(code);
        for (id, name) in self.organisation.rooms_by_alias().await? {
            if !self.organisation.rooms.iter().any(|(known, _)| *known == id) {
                self.created.push((id, name));
            }
        }
        if let Some(code) = release_code(&output.stdout) {
            self.hides(&code);
        }
        let mut typed = String::from("$ inviter");
        for arg in args {
            // As a shell takes it.
            let plain = arg
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_./:@=".contains(c));
            let quoted = if plain {
                (*arg).to_owned()
            } else {
                format!("'{arg}'")
            };
            write!(typed, " {quoted}")?;
        }
        let printed = format!("{}{}", output.stdout, output.stderr);
        self.block(&format!("{typed}\n{printed}"));
        if code != 0 {
            self.says(&format!("(exit code {code})"));
        }
        Ok(output)
    }

    /// The page says `CODE` instead of this.
    pub(super) fn hides(&mut self, code: &str) {
        self.codes.push(code.to_owned());
    }

    /// A block as it stands on the screen.
    pub(super) fn block(&mut self, text: &str) {
        let text = self.made_the_same(text);
        self.page.push('\n');
        for line in text.trim_end().lines() {
            if line.is_empty() {
                self.page.push('\n');
            } else {
                self.page.push_str("    ");
                self.page.push_str(line.trim_end());
                self.page.push('\n');
            }
        }
    }

    /// Sends the request of a curl line that was printed, as a server administrator with a shell would, and takes it
    /// down. The shell takes the line apart; what it hands to curl is sent.
    pub(super) async fn sends(&mut self, line: &str) -> Result<Value> {
        let admin = &self.organisation.site.admin;
        let done = tokio::process::Command::new("sh")
            .arg("-c")
            .arg(format!("curl() {{ printf '%s\\n' \"$@\"; }}\n{line}"))
            .env("ADMIN_TOKEN", admin.token())
            .output()
            .await?;
        ensure!(done.status.success(), "{line}: {done:?}");
        let text = String::from_utf8(done.stdout)?;
        let words: Vec<&str> = text.lines().collect();
        let after = |flags: [&str; 2]| {
            let at = words.iter().position(|word| flags.contains(word));
            at.and_then(|at| words.get(at + 1)).copied()
        };
        let token = format!("Authorization: Bearer {}", admin.token());
        ensure!(words.contains(&token.as_str()), "no token: {line}");
        let url = words
            .iter()
            .find(|word| word.starts_with("http"))
            .context("no URL")?;
        let path = url
            .strip_prefix(self.organisation.site.proxy.url())
            .context("another server")?;
        let method = after(["-X", "--request"]).unwrap_or("POST").parse()?;
        let body: Option<Value> = after(["-d", "--data"]).map(serde_json::from_str).transpose()?;
        let (status, answer) = admin
            .raw(method, path, body.as_ref(), Some(admin.token()))
            .await?;
        ensure!(status == 200, "{line}: {status} {answer}");
        self.block(&format!("$ {line}"));
        Ok(answer)
    }

    /// The same on every day and on every machine.
    fn made_the_same(&self, text: &str) -> String {
        let site = &self.organisation.site;
        let mut text = text.replace(site.proxy.url(), "https://matrix.example.org");
        for (id, name) in self.organisation.rooms.iter().chain(&self.created) {
            text = text.replace(id, &format!("!{name}:example.org"));
            // As part of an URL.
            text = text.replace(&inviter_testkit::enc(id), &format!("%21{name}%3Aexample.org"));
        }
        text = text.replace(&format!("{}/", site.path("").display()).replace("//", "/"), "");
        // The rooms were made today, or yesterday if it is just past midnight.
        let today = jiff::Timestamp::now();
        for day in [today, today - jiff::SignedDuration::from_hours(24)] {
            text = text.replace(&day.to_string()[..10], "2024-05-13");
        }
        // Synapse takes the repository around it for its own.
        while let Some((before, rest)) = text.split_once(" (b=") {
            let after = rest.split_once(')').map_or("", |(_, after)| after);
            text = format!("{before}{after}");
        }
        for code in &self.codes {
            text = text.replace(code, "CODE");
        }
        text
    }

    /// Compares the page with the one that stands in the documentation, or writes that one.
    pub(super) fn is(&self, name: &str) -> Result<()> {
        let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs", name].iter().collect();
        if std::env::var_os("INVITER_WRITE_DOCS").is_some() {
            return std::fs::write(&file, &self.page).with_context(|| file.display().to_string());
        }
        let stands = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        for (number, (is, should)) in stands.lines().zip(self.page.lines()).enumerate() {
            ensure!(
                is == should,
                "{}:{}: stands as\n  {is}\nand the program prints\n  {should}\n(INVITER_WRITE_DOCS=1 writes it anew)",
                file.display(),
                number + 1,
            );
        }
        ensure!(
            stands.lines().count() == self.page.lines().count(),
            "{}: another length",
            file.display()
        );
        Ok(())
    }
}
