//! Where an account's state is: a directory of its own below the configured one, so that several bots can share
//! that.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use inviter_core::UserId;
use sha2::{Digest, Sha256};

use crate::file_access::{keep_private, me};

/// A user ID has at most 255 bytes, and so has a file name on most systems; escaped it may become too long.
const MAX_NAME: usize = 120;

/// The directory of an account within `state_dir`. It need not exist yet.
pub fn account_dir(state_dir: &Path, account: &UserId) -> PathBuf {
    state_dir.join(file_name(account.as_str()))
}

/// Folders that every user may write to and that were told of: several things are kept below one.
static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Creates a directory, with those above it, that only its owner may enter. One that exists is closed if every user may
/// write to it, and refused if that is not possible: what is remembered there says who may be removed, and may be a
/// log-in. A folder above it that is not ours, such as a volume of Kubernetes, may be open; that is told, once.
///
/// # Errors
/// What the file system says, and [`io::ErrorKind::PermissionDenied`] for one that is open to others or that others may
/// have put there.
pub(crate) fn create_private(dir: &Path) -> io::Result<()> {
    create_private_for(dir, me())
}

/// Creates it for the user with this number.
fn create_private_for(dir: &Path, me: u32) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)?;
    let open = keep_private(dir, me)
        .map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, format!("the folder {why}")))?;
    if let Some(open) = open {
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(open.clone()) {
            tracing::warn!(
                folder = %open.display(),
                "every user may write to this folder above the state directory and could move that away; where other \
                 users or containers have access to it, run `chmod o-w` on it"
            );
        }
    }
    Ok(())
}

/// A name that is unique for the text on every file system, those that ignore case included, and leads nowhere
/// else.
fn file_name(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'@' | b'-' | b'_' | b'.' | b'=' | b'+' => {
                name.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => {
                let _ = write!(name, "%{byte:02x}");
            }
        }
    }
    if name.len() > MAX_NAME {
        name.truncate(MAX_NAME - 41);
        name.push('%');
        for byte in Sha256::digest(text.as_bytes()).iter().take(20) {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(dir: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;

        fs::metadata(dir).unwrap().permissions().mode() & 0o7777
    }

    #[cfg(unix)]
    fn set_mode(dir: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;

        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_of_ours_that_every_user_may_write_to_is_closed() {
        let outer = tempfile::tempdir().unwrap();
        let state = outer.path().join("state");
        let inner = state.join("@bot%3aexample.com");
        create_private(&inner).unwrap();
        assert_eq!((mode(&state), mode(&inner)), (0o700, 0o700));
        for dir in [&state, &inner] {
            for (open, closed) in [
                (0o777, 0o775),
                (0o2777, 0o2775),
                (0o1777, 0o1777),
                (0o775, 0o775),
                (0o700, 0o700),
            ] {
                set_mode(dir, open);
                create_private(&inner).unwrap();
                assert_eq!(mode(dir), closed, "{open:o}");
            }
        }
    }

    /// As a volume of Kubernetes is: open, not sticky, and not ours. Only what is further up is left alone where it is
    /// ours, so that this needs no other user.
    #[cfg(unix)]
    #[test]
    fn an_open_folder_further_up_is_told_and_left_as_it_is() {
        let outer = tempfile::tempdir().unwrap();
        let volume = outer.path().join("volume");
        fs::create_dir(&volume).unwrap();
        set_mode(&volume, 0o777);
        let inner = volume.join("state").join("@bot");
        for _ in 0..2 {
            create_private(&inner).unwrap();
            assert_eq!((mode(&volume), mode(&inner)), (0o777, 0o700));
        }
        let volume = fs::canonicalize(volume).unwrap();
        assert_eq!(
            keep_private(&inner, me())
                .unwrap()
                .map(|open| fs::canonicalize(open).unwrap()),
            Some(volume)
        );
    }

    #[cfg(unix)]
    #[test]
    fn folders_of_somebody_else() {
        use crate::file_access::another;

        let outer = tempfile::tempdir().unwrap();
        let state = outer.path().join("state");
        let inner = state.join("@bot");
        create_private(&inner).unwrap();
        set_mode(&state, 0o777);
        // Whoever moved ours away and put theirs there.
        let me = another::users(&[&state, &inner]);
        let refused = || create_private_for(&inner, me).unwrap_err();
        let error = refused();
        let belongs = format!("belongs to another user (number {})", another::owner());
        assert!(error.to_string().contains(&belongs), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(mode(&state), 0o777, "not ours to close");
        set_mode(&state, 0o755);
        create_private_for(&inner, me).unwrap();
        set_mode(&inner, 0o777);
        let error = refused();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let open = "is open to all of them (mode 0777); run `chmod o-w";
        assert!(error.to_string().contains(open), "{error}");
        assert!(error.to_string().contains("on a volume without modes"), "{error}");
        assert_eq!(mode(&inner), 0o777, "not ours to close");
    }

    #[test]
    fn names_are_safe_short_and_different() {
        assert_eq!(file_name("@inviter:example.com"), "@inviter%3aexample.com");
        assert_eq!(file_name("@a/../b:x"), "@a%2f..%2fb%3ax");
        assert_ne!(file_name("@A:x"), file_name("@a:x"));
        let long = |last: char| format!("@{}{last}:example.com", "A".repeat(200));
        assert_ne!(file_name(&long('a')), file_name(&long('b')));
        assert_eq!(file_name(&long('a')).len(), MAX_NAME);
    }
}
