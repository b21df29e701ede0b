//! Whose the audit log is: who else may read it, and who could change what is in it.
//!
//! It may be ours, or root's, who may do everything anyway and prepares files for services. A third user's is refused: they
//! could take lines out of it, and give it to whom they like. The group is left alone: that is how services that collect
//! logs get at them, and how containers share a volume. What is no file, such as a terminal, is left alone as well.
//!
//! Some volumes give what we make to another user: NFS does to root, with `root_squash`. There that user's files are ours,
//! and nothing that we could ask for would make them more so.

use std::{fs::File, io, path::Path};
#[cfg(unix)]
use std::{
    fs::Metadata,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

/// The number of the user that this process acts for.
#[cfg(unix)]
pub(super) fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Elsewhere users have no numbers.
#[cfg(not(unix))]
pub(super) const fn me() -> u32 {
    0
}

/// Refuses a file that belongs to neither `me` nor root, nor to the user to whom its volume gives what this process makes.
///
/// # Errors
/// Whose it is, and what to do.
#[cfg(unix)]
pub(super) fn refuse_foreign(file: &File, path: &Path, me: u32) -> anyhow::Result<()> {
    let metadata = file.metadata()?;
    let owner = metadata.uid();
    if !metadata.is_file() || is_ours(owner, me) || is_as_made_here(&metadata, path) {
        return Ok(());
    }
    anyhow::bail!(
        "{0}: the audit log belongs to another user (number {owner}), who could change what is in it; run `chown {me} {0}`, \
         move it away, so that the bot makes a new one, or change `audit_file` in [bot]",
        path.display()
    )
}

/// Whether a file belongs to the same user as one that this process makes beside it. Where none can be made, it does not.
#[cfg(unix)]
fn is_as_made_here(metadata: &Metadata, path: &Path) -> bool {
    let made = || -> io::Result<Metadata> {
        // The file may be reached by a link from another folder.
        let path = path.canonicalize()?;
        let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
        // What was opened is asked, so that nobody can put another in its place; no name of it is left.
        tempfile::tempfile_in(folder)?.metadata()
    };
    // A file can be a mount of its own.
    made().is_ok_and(|made| (made.uid(), made.dev()) == (metadata.uid(), metadata.dev()))
}

/// Elsewhere users have no numbers, and nothing is checked.
#[cfg(not(unix))]
pub(super) fn refuse_foreign(_file: &File, _path: &Path, _me: u32) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(unix)]
const fn is_ours(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

/// Takes from a file what others than its owner and its group may do with it.
///
/// # Errors
/// When that is not possible. Some file systems say that it was, and have one mode for everything.
#[cfg(unix)]
pub(super) fn close_to_others(file: &File) -> io::Result<()> {
    let open = || -> io::Result<Option<std::fs::Permissions>> {
        let metadata = file.metadata()?;
        let permissions = metadata.permissions();
        let is_open = metadata.is_file() && permissions.mode() & 0o007 != 0;
        Ok(is_open.then_some(permissions))
    };
    let Some(mut permissions) = open()? else {
        return Ok(());
    };
    permissions.set_mode(permissions.mode() & 0o7770);
    file.set_permissions(permissions)?;
    match open()? {
        None => Ok(()),
        Some(_) => Err(io::Error::other("its mode does not change")),
    }
}

/// Elsewhere permissions are not a mode, and nothing is changed.
#[cfg(not(unix))]
pub(super) fn close_to_others(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn roots_file_is_fine_and_a_third_users_is_not() {
        for (owner, me, ours) in [
            (1000, 1000, true),
            (0, 1000, true),
            (0, 0, true),
            (1001, 1000, false),
            (1000, 0, false),
        ] {
            assert_eq!(is_ours(owner, me), ours, "{owner} {me}");
        }
    }
}
