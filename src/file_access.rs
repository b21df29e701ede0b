//! Who else may read or replace a file that matters.
//!
//! The rules are those of OpenSSH for keys, where they fit services: a file with a secret belongs to the user that the
//! program runs as or to root, is closed to others, and lies where others cannot put another one in its place. A group
//! may read it, since that is how services share a secret; and members of a group are trusted with its folders.

use std::{fs, path::Path};

/// Refuses a file with a secret that others may read or write, that belongs to somebody else, or that others can
/// replace. The path is for the remedy.
#[cfg(unix)]
pub(crate) fn refuse_shared_secret(metadata: &fs::Metadata, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let mode = metadata.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(format!(
            "holds a secret and is open to every user (mode {:04o}); run `chmod o= {}`, or `chmod 600` to keep it to \
             yourself",
            mode & 0o7777,
            path.display()
        ));
    }
    refuse_owner(metadata.uid(), rustix::process::geteuid().as_raw(), path)?;
    refuse_replaceable(path)
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
pub(crate) fn refuse_shared_secret(_metadata: &fs::Metadata, _path: &Path) -> Result<(), String> {
    Ok(())
}

/// Whoever owns a file may read it, whatever its mode, and put another secret into it.
#[cfg(unix)]
fn refuse_owner(owner: u32, me: u32, path: &Path) -> Result<(), String> {
    if owner == me || owner == 0 {
        return Ok(());
    }
    Err(format!(
        "holds a secret and belongs to another user (number {owner}), who can read and replace it; run `chown {me} {}`",
        path.display()
    ))
}

/// Refuses what lies in a folder, or below one, where every user may put another file in its place: the folders on the
/// way as it is written, and those that links lead to. Where the sticky bit is set, as on `/tmp`, they may not.
#[cfg(unix)]
fn refuse_replaceable(path: &Path) -> Result<(), String> {
    let written = std::path::absolute(path).map_err(|error| format!("cannot be found: {error}"))?;
    let real = fs::canonicalize(path).map_err(|error| format!("cannot be found: {error}"))?;
    let folders = written.ancestors().skip(1).chain(real.ancestors().skip(1));
    refuse_open_folders(folders, "can be replaced by every user")
}

/// Refuses a folder that every user may write to, or that lies below such a one: what is in it may be anybody's.
#[cfg(unix)]
pub(crate) fn refuse_open_folder(dir: &Path) -> Result<(), String> {
    let written = std::path::absolute(dir).map_err(|error| format!("cannot be found: {error}"))?;
    let real = fs::canonicalize(dir).map_err(|error| format!("cannot be found: {error}"))?;
    let folders = written.ancestors().chain(real.ancestors());
    refuse_open_folders(folders, "is not safe from other users")
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
pub(crate) fn refuse_open_folder(_dir: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(unix)]
fn refuse_open_folders<'p>(folders: impl Iterator<Item = &'p Path>, what: &str) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;

    for dir in folders {
        // One that cannot be looked at is told by whoever opens the file.
        let Ok(metadata) = fs::metadata(dir) else { continue };
        let mode = metadata.permissions().mode();
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Err(format!(
                "{what}, since `{0}` is open to all of them (mode {1:04o}); run `chmod o-w {0}`",
                dir.display(),
                mode & 0o7777
            ));
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_ours_or_roots() {
        let path = Path::new("/etc/inviter/token");
        for (owner, me) in [(1000, 1000), (0, 1000), (0, 0)] {
            assert_eq!(refuse_owner(owner, me, path), Ok(()));
        }
        // Root may read it, and so may whoever it belongs to.
        for me in [0, 1000] {
            assert_eq!(
                refuse_owner(1001, me, path).unwrap_err(),
                format!(
                    "holds a secret and belongs to another user (number 1001), who can read and replace it; run `chown {me} \
                     /etc/inviter/token`"
                )
            );
        }
    }
}
