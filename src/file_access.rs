//! Who else may read or replace a file that matters.
//!
//! The rules are those of OpenSSH for keys, where they fit services: a file with a secret is closed to others, and lies
//! where others cannot put another one in its place. A group may read it, since that is how services share a secret; and
//! members of a group are trusted with its folders. It may belong to a third user, such as an agent or whoever deploys,
//! if that user gives it to a group to read and no more: they know the secret anyway. The folders may be theirs, too, which
//! OpenSSH refuses: whoever provides a secret can put another in its place in any case.

use std::{
    fs,
    path::{Path, PathBuf},
};
#[cfg(unix)]
use std::{
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

/// The number of the user that this process acts for. It is handed in below, so that tests can be somebody else.
#[cfg(unix)]
pub(crate) fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Elsewhere users have no numbers.
#[cfg(not(unix))]
pub(crate) const fn me() -> u32 {
    0
}

/// Refuses a file with a secret that others than `me` may read or write, that somebody else shares for writing, or that
/// everybody can replace. The path is for the remedy.
#[cfg(unix)]
pub(crate) fn refuse_shared_secret(metadata: &fs::Metadata, path: &Path, me: u32) -> Result<(), String> {
    let mode = metadata.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(format!(
            "holds a secret and is open to every user (mode {:04o}); run `chmod o= {}`, or `chmod 600` to keep it to \
             yourself",
            mode & 0o7777,
            path.display()
        ));
    }
    refuse_owner(metadata.uid(), me, mode, path)?;
    refuse_replaceable(path)
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
pub(crate) fn refuse_shared_secret(_metadata: &fs::Metadata, _path: &Path, _me: u32) -> Result<(), String> {
    Ok(())
}

/// Refuses a file of a third user that a group may do more with than read it: that group is theirs, not ours.
#[cfg(unix)]
fn refuse_owner(owner: u32, me: u32, mode: u32, path: &Path) -> Result<(), String> {
    if owner == me || owner == 0 || mode & 0o030 == 0 {
        return Ok(());
    }
    Err(format!(
        "holds a secret, belongs to another user (number {owner}) and can be changed by their group (mode {0:04o}); run \
         `chmod g=r {1}`, or `chown {me} {1}`",
        mode & 0o7777,
        path.display()
    ))
}

/// Who else can change a file that somebody has gone through, beside those whom its mode lets write to it: another user to
/// whom it belongs, or everybody, by putting another in its place. Each a sentence that follows the file's name.
#[cfg(unix)]
pub fn changeable_by_others(metadata: &fs::Metadata, path: &Path) -> Vec<String> {
    others(metadata, path, me())
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
pub fn changeable_by_others(_metadata: &fs::Metadata, _path: &Path) -> Vec<String> {
    Vec::new()
}

#[cfg(unix)]
fn others(metadata: &fs::Metadata, path: &Path, me: u32) -> Vec<String> {
    let owner = metadata.uid();
    let foreign = (owner != me && owner != 0).then(|| {
        format!(
            "belongs to another user (number {owner}), who can change it at any time; go through it once more, and run \
             `chown {me} {}` before",
            path.display()
        )
    });
    foreign
        .into_iter()
        .chain(refuse_replaceable(path).err())
        .collect()
}

/// Refuses what lies in a folder, or below one, where every user may put another file in its place: the folders on the
/// way as it is written, and those that links lead to. Where the sticky bit is set, as on `/tmp`, they may not.
#[cfg(unix)]
fn refuse_replaceable(path: &Path) -> Result<(), String> {
    let written = std::path::absolute(path).map_err(|error| format!("cannot be found: {error}"))?;
    let real = fs::canonicalize(path).map_err(|error| format!("cannot be found: {error}"))?;
    for dir in written.ancestors().skip(1).chain(real.ancestors().skip(1)) {
        if let Some(mode) = open_to_all(dir) {
            return Err(open_folder("can be replaced by every user", dir, mode));
        }
    }
    Ok(())
}

/// Sees that nobody else can write to a folder of `me`: one that belongs to us and that every user may write to is
/// closed, and so is the one that it lies in.
///
/// Gives the folder above it that every user may write to and that is not ours to close, such as a volume of Kubernetes:
/// in it the folder can be moved away, but not read, and another's in its place is refused.
#[cfg(unix)]
pub(crate) fn keep_private(dir: &Path, me: u32) -> Result<Option<PathBuf>, String> {
    let not_found = |error: io::Error| format!("cannot be found: {error}");
    let written = std::path::absolute(dir).map_err(not_found)?;
    let real = fs::canonicalize(dir).map_err(not_found)?;
    for ours in [Some(&*real), real.parent(), written.parent()]
        .into_iter()
        .flatten()
    {
        close(ours, me);
    }
    if let Some(mode) = open_to_all(&real) {
        let open = open_folder("is not safe from other users", &real, mode);
        return Err(format!(
            "{open}, or, on a volume without modes, mount that with another for folders, such as `dir_mode=0700`"
        ));
    }
    let mut above = written.ancestors().skip(1).chain(real.ancestors().skip(1));
    let Some(open) = above.find(|folder| open_to_all(folder).is_some()) else {
        return Ok(None);
    };
    let owner = fs::metadata(&real).map_err(not_found)?.uid();
    refuse_foreign(owner, me, &real, open)?;
    Ok(Some(open.to_owned()))
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
pub(crate) fn keep_private(_dir: &Path, _me: u32) -> Result<Option<PathBuf>, String> {
    Ok(None)
}

/// Where every user may put a folder, one that is not ours or root's is theirs.
#[cfg(unix)]
fn refuse_foreign(owner: u32, me: u32, dir: &Path, open: &Path) -> Result<(), String> {
    if owner == me || owner == 0 {
        return Ok(());
    }
    Err(format!(
        "belongs to another user (number {owner}) and lies in `{}`, where every user may put one; run `chown -R {me} {}` \
         if it is the bot's",
        open.display(),
        dir.display()
    ))
}

/// Takes a folder of ours from those who may write to it as all may. Whether that was possible shows afterwards: some
/// file systems have one mode for everything.
#[cfg(unix)]
fn close(dir: &Path, me: u32) {
    let Ok(metadata) = fs::metadata(dir) else { return };
    let mut permissions = metadata.permissions();
    if metadata.uid() == me && is_open(permissions.mode()) {
        permissions.set_mode(permissions.mode() & 0o7775);
        let _ = fs::set_permissions(dir, permissions);
    }
}

/// The mode of a folder in which every user may replace what is there. One that cannot be looked at is told by whoever
/// opens what is in it.
#[cfg(unix)]
fn open_to_all(dir: &Path) -> Option<u32> {
    let mode = fs::metadata(dir).ok()?.permissions().mode();
    is_open(mode).then_some(mode & 0o7777)
}

/// Where the sticky bit is set, everybody may write, but replace only what is theirs.
#[cfg(unix)]
fn is_open(mode: u32) -> bool {
    mode & 0o002 != 0 && mode & 0o1000 == 0
}

#[cfg(unix)]
fn open_folder(what: &str, dir: &Path, mode: u32) -> String {
    format!(
        "{what}, since `{0}` is open to all of them (mode {mode:04o}); run `chmod o-w {0}`",
        dir.display()
    )
}

/// Belongings of other users, for tests.
#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "helpers of tests")]
pub(crate) mod another {
    use std::{os::unix::fs::chown, path::Path};

    /// Makes these another user's than the one that is answered. Root gives them away; who may not do that is taken for
    /// somebody else, to whom they do not belong.
    pub(crate) fn users(paths: &[&Path]) -> u32 {
        let me = super::me();
        if me != 0 {
            return me + 1;
        }
        for path in paths {
            chown(path, Some(OWNER_FOR_ROOT), Some(OWNER_FOR_ROOT)).unwrap();
        }
        me
    }

    /// The number of the user to whom they belong then.
    pub(crate) fn owner() -> u32 {
        match super::me() {
            0 => OWNER_FOR_ROOT,
            me => me,
        }
    }

    const OWNER_FOR_ROOT: u32 = 12345;
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// As an agent for secrets writes them, into a folder of its own.
    #[test]
    fn a_third_user_may_provide_a_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "s3cret").unwrap();
        let me = another::users(&[dir.path(), &path]);
        let belongs = format!("belongs to another user (number {})", another::owner());
        for (mode, refused) in [
            (0o400, None),
            (0o440, None),
            (0o640, None),
            (0o660, Some(&*belongs)),
            (0o644, Some("is open to every user (mode 0644)")),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let metadata = fs::metadata(&path).unwrap();
            match (refuse_shared_secret(&metadata, &path, me), refused) {
                (Ok(()), None) => {}
                (Err(error), Some(why)) => assert!(error.contains(why), "{error}"),
                (result, _) => panic!("{mode:o}: {result:?}"),
            }
        }
    }

    /// Root can read what it may not change, and has others' files before it.
    #[test]
    fn a_file_of_another_user_or_in_an_open_folder_can_be_changed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("open");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("plan.json");
        fs::write(&path, "{}").unwrap();
        let told = |me: u32| others(&fs::metadata(&path).unwrap(), &path, me);
        assert_eq!(told(me()), Vec::<String>::new());
        let open = |mode: u32| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let replaced = format!(
            "can be replaced by every user, since `{0}` is open to all of them (mode 0777); run `chmod o-w {0}`",
            folder.display()
        );
        open(0o777);
        assert_eq!(told(me()), std::slice::from_ref(&replaced));
        // As `/tmp` is.
        open(0o1777);
        assert_eq!(told(me()), Vec::<String>::new());
        let another = another::users(&[&path]);
        let belongs = format!(
            "belongs to another user (number {}), who can change it at any time; go through it once more, and run `chown \
             {another} {}` before",
            another::owner(),
            path.display()
        );
        assert_eq!(told(another), std::slice::from_ref(&belongs));
        open(0o777);
        assert_eq!(told(another), [belongs, replaced]);
    }

    #[test]
    fn a_secret_of_a_third_user_is_only_read() {
        let path = Path::new("/etc/inviter/token");
        for (owner, me) in [(1000, 1000), (0, 1000), (0, 0)] {
            for mode in [0o100_400, 0o100_640, 0o100_660] {
                assert_eq!(refuse_owner(owner, me, mode, path), Ok(()));
            }
        }
        for me in [0, 1000] {
            for mode in [0o100_400, 0o100_600, 0o100_440, 0o100_640] {
                assert_eq!(refuse_owner(1001, me, mode, path), Ok(()));
            }
            for mode in [0o660, 0o620, 0o650] {
                assert_eq!(
                    refuse_owner(1001, me, 0o100_000 | mode, path).unwrap_err(),
                    format!(
                        "holds a secret, belongs to another user (number 1001) and can be changed by their group (mode \
                         {mode:04o}); run `chmod g=r /etc/inviter/token`, or `chown {me} /etc/inviter/token`"
                    )
                );
            }
        }
    }

    #[test]
    fn a_folder_of_somebody_else_in_an_open_one_is_refused() {
        let (dir, open) = (Path::new("/data/state/@bot"), Path::new("/data"));
        for (owner, me) in [(1000, 1000), (0, 1000), (0, 0)] {
            assert_eq!(refuse_foreign(owner, me, dir, open), Ok(()));
        }
        for me in [0, 1000] {
            assert_eq!(
                refuse_foreign(1001, me, dir, open).unwrap_err(),
                format!(
                    "belongs to another user (number 1001) and lies in `/data`, where every user may put one; run \
                     `chown -R {me} /data/state/@bot` if it is the bot's"
                )
            );
        }
    }
}
