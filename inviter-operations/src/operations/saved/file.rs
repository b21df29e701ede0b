//! Reading the file of a plan.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use inviter::{
    core::saved_plan::{MAX_BYTES, SavedPlan, SavedPlanError},
    file_access::changeable_by_others,
};

/// A plan as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The plan.
    pub plan: SavedPlan,
    /// Sentences to warn with, without the name of the file: others than whoever applies it can change it.
    pub warnings: Vec<String>,
}

/// Reads a plan from its file, which has to be an ordinary one that not every user can write to: a plan does nothing that
/// a run would not do by itself, but a room that somebody took out of it could be put in again.
///
/// # Errors
/// A file that cannot be read or that every user can write to, and whatever [`SavedPlan::parse`] finds.
pub fn read(path: &Path) -> Result<Read, SavedPlanError> {
    let unread = |error: io::Error| SavedPlanError::Unread(error.to_string());
    // Before it is opened: that of a pipe waits for whoever writes into it.
    if !fs::metadata(path).map_err(unread)?.is_file() {
        return Err(SavedPlanError::Unread("this is not an ordinary file".to_owned()));
    }
    let file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    let mut warnings: Vec<String> = writers(&metadata)?.into_iter().collect();
    let others = changeable_by_others(&metadata, path).into_iter();
    warnings.extend(others.map(|other| format!("it {other}")));
    let mut text = Vec::new();
    // It may grow while it is read.
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(unread)?;
    let plan = SavedPlan::parse(&text)?;
    Ok(Read { plan, warnings })
}

/// Who can write to the file beside its owner.
#[cfg(unix)]
fn writers(metadata: &fs::Metadata) -> Result<Option<String>, SavedPlanError> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Err(SavedPlanError::OpenToOthers(format!(
            "every user can write to it (mode {mode:04o}), so it may not be what somebody has gone through; go through it \
             again and run `chmod go-w` on it, or plan again"
        )));
    }
    Ok((mode & 0o020 != 0).then(|| {
        format!(
            "its group can write to it (mode {mode:04o}), so it is what somebody has gone through only if everybody in the \
             group is to be trusted; `chmod g-w` keeps it as it is"
        )
    }))
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
fn writers(_metadata: &fs::Metadata) -> Result<Option<String>, SavedPlanError> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PLAN: &str = r#"{"kind": "inviter_plan", "format": 1, "program": "0", "planned": "now",
        "homeserver": "example.org", "account": "@bot:example.org",
        "configured_scope": {"rooms": {"include": [], "exclude": []}, "groups": {"include": [], "exclude": []}},
        "asked_rooms": [], "asked_arguments": [],
        "asked_scope": {"rooms": {"include": [], "exclude": []}, "groups": {"include": [], "exclude": []}},
        "rooms": []}"#;

    #[test]
    fn a_file_that_others_can_write_to_is_no_plan_that_was_gone_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.json");
        fs::write(&path, PLAN).unwrap();
        let with = |mode: u32| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            read(&path)
        };
        for mode in [0o600, 0o400, 0o644, 0o640] {
            assert_eq!(with(mode).unwrap().warnings, Vec::<String>::new(), "{mode:o}");
        }
        for mode in [0o660, 0o664] {
            let warnings = with(mode).unwrap().warnings;
            let [warning] = &warnings[..] else {
                panic!("{warnings:?}")
            };
            assert!(warning.contains(&format!("(mode 0{mode:o})")), "{warning}");
        }
        for mode in [0o666, 0o602, 0o777] {
            let error = with(mode).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("every user can write to it (mode 0{mode:o})")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_others_can_replace_is_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("open");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("plan.json");
        fs::write(&path, PLAN).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let warnings = read(&path).unwrap().warnings;
        let [group, replaced] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        assert!(
            group.starts_with("its group can write to it (mode 0660)"),
            "{group}"
        );
        let says = format!("it can be replaced by every user, since `{}`", folder.display());
        assert!(replaced.starts_with(&says), "{replaced}");
    }
}
