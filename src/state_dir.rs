//! Where an account's state is: a directory of its own below the configured one, so that several bots can share
//! that.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use inviter_core::UserId;
use sha2::{Digest, Sha256};

use crate::file_access::refuse_open_folder;

/// A user ID has at most 255 bytes, and so has a file name on most systems; escaped it may become too long.
const MAX_NAME: usize = 120;

/// The directory of an account within `state_dir`. It need not exist yet.
pub fn account_dir(state_dir: &Path, account: &UserId) -> PathBuf {
    state_dir.join(file_name(account.as_str()))
}

/// Creates a directory, with those above it, that only its owner may enter. One that exists is left as it is, and
/// refused if every user may write to it: what is remembered there says who may be removed, and may be a log-in.
///
/// # Errors
/// What the file system says, and [`io::ErrorKind::PermissionDenied`] for one that is open to others.
pub(crate) fn create_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)?;
    refuse_open_folder(dir)
        .map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, format!("the folder {why}")))
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
    #[test]
    fn a_folder_that_every_user_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let outer = tempfile::tempdir().unwrap();
        let state = outer.path().join("state");
        let inner = state.join("@bot%3aexample.com");
        create_private(&inner).unwrap();
        let mode = |dir: &Path| fs::metadata(dir).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&state), mode(&inner)), (0o700, 0o700));
        for dir in [&state, &inner] {
            for (open, refused) in [(0o777, true), (0o1777, false), (0o775, false), (0o700, false)] {
                fs::set_permissions(dir, fs::Permissions::from_mode(open)).unwrap();
                let error = create_private(&inner).map_err(|error| error.to_string());
                let expected = format!(
                    "the folder is not safe from other users, since `{0}` is open to all of them (mode {open:04o}); run \
                     `chmod o-w {0}`",
                    dir.display()
                );
                assert_eq!(error, if refused { Err(expected) } else { Ok(()) }, "{open:o}");
            }
        }
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
