//! What the administration room is told without having asked.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::harness::{Configuration, Directory, LONG, Site, eventually};

/// The file of what is remembered.
fn memory(site: &Site) -> Result<PathBuf> {
    let mut dirs = vec![site.path("state")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.ends_with("memory.sqlite") {
                return Ok(path);
            }
            if path.is_dir() {
                dirs.push(path);
            }
        }
    }
    anyhow::bail!("nothing is remembered")
}

/// Pauses, holds and whom the bot has brought in are gone with it: nobody would know from runs that look as ever.
#[tokio::test]
async fn a_lost_memory_is_told_once() -> Result<()> {
    let site = Site::new().await?;
    site.configure(&Configuration::default().bot("interval", "\"2s\""))?;
    let mut directory = Directory::default();
    directory.room("staff").members(["alice"]);
    directory.people(["bob"]);
    let bot = site.start_with(&directory).await?;
    bot.stop().await?;
    let file = memory(&site)?;
    let folder = file.parent().context("a file without a folder")?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // What was written last may not be in the file itself yet.
        if entry.file_name().to_string_lossy().starts_with("memory.sqlite-") {
            fs::remove_file(entry.path())?;
        }
    }
    fs::write(&file, "this is no memory any more; ".repeat(500))?;

    let bot = site.start().await?;
    let told = site
        .told(&[
            "memory lost: ",
            "gone are all pauses",
            "`!inviter plan`",
            "`!inviter sync`",
        ])
        .await?;
    eprintln!("{told}");
    eventually("more runs", LONG, async || {
        Ok((bot.logged(&["run ended", "cause=on schedule"]) >= 2).then_some(()))
    })
    .await?;
    let said = site.said().await?;
    let times = said.iter().filter(|text| text.contains("memory lost")).count();
    assert_eq!(times, 1, "{said:#?}");
    bot.stop().await
}
