//! The soak, as short as it can be and still be one; `tests/soak.sh` runs it for long.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

/// Beside this crate's own programs, where the build of the whole workspace puts it.
fn bot() -> Result<PathBuf> {
    let soak = PathBuf::from(env!("CARGO_BIN_EXE_inviter-soak"));
    let bot = soak.with_file_name("inviter-bot");
    anyhow::ensure!(
        bot.exists(),
        "{} is missing; build it first: cargo build -p inviter-bot",
        bot.display()
    );
    Ok(bot)
}

#[test]
fn random_changes_on_both_sides_end_in_the_desired_state() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_inviter-soak"))
        .args(["--minutes", "0.5", "--rooms", "8", "--interval", "6", "--bot"])
        .arg(bot()?)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().context("nothing was told")?;
    assert!(
        output.status.success() && last.starts_with("soak ok: "),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // That something happened is part of it.
    let count = |after: &str| -> Result<u32> {
        let word = last.split(after).next().context("no count")?;
        let word = word.rsplit([' ', ',']).find(|word| !word.is_empty());
        Ok(word.context("no count")?.parse()?)
    };
    assert!(count(" changes")? >= 10 && count(" drifts")? >= 3, "{last}");
    println!("{last}");
    Ok(())
}
