//! A file that a command is asked to write: whole, or not at all.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::anyhow;

/// Where a table goes.
#[derive(Debug)]
pub(crate) enum TableFile {
    /// Standard output, by the name `-`.
    Stdout,
    /// A file, which may be there already: then it is replaced.
    File(PathBuf),
}

impl TableFile {
    /// Looks whether a file can be written there, before anything is asked of anyone.
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        let problem = |what: &str| anyhow!("{}: {what}; name a file to write the table to", path.display());
        // A link is followed to the file that it stands for, which is then replaced; the link stays.
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(problem(&error.to_string())),
        };
        match fs::symlink_metadata(&target) {
            Ok(there) if there.is_dir() => return Err(problem("this is a directory")),
            Ok(there) if there.is_symlink() => return Err(problem("this is a link that leads nowhere")),
            Ok(there) if !there.is_file() => return Err(problem("this is not an ordinary file")),
            Err(_) if target.file_name().is_none() => return Err(problem("this is no name of a file")),
            Err(_) if !directory(&target).is_dir() => {
                return Err(problem("the directory of this file does not exist"));
            }
            Ok(_) | Err(_) => {}
        }
        Ok(Self::File(target))
    }

    /// Writes everything, to a temporary file first that takes the name once it is whole. Nobody else may read it: it
    /// tells about people.
    pub(crate) fn write(&self, table: &[u8]) -> anyhow::Result<()> {
        let path = match self {
            Self::Stdout => {
                return crate::output::text(&String::from_utf8_lossy(table));
            }
            Self::File(path) => path,
        };
        let failed =
            |error: io::Error| anyhow!("{}: the table could not be written ({error})", path.display());
        let mut file = tempfile::Builder::new()
            .prefix(".inviter-")
            .tempfile_in(directory(path))
            .map_err(failed)?;
        file.write_all(table)
            .and_then(|()| file.as_file().sync_all())
            .map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.csv");
        for text in ["one", "two"] {
            TableFile::new(&path).unwrap().write(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
        assert!(matches!(TableFile::new(Path::new("-")), Ok(TableFile::Stdout)));
        let refused = |path: &Path| TableFile::new(path).unwrap_err().to_string();
        assert!(refused(dir.path()).contains("is a directory"));
        assert!(refused(&path.join("under")).contains("Not a directory"));
        assert!(refused(&dir.path().join("none/table.csv")).contains("does not exist"));
        #[cfg(unix)]
        {
            assert!(refused(Path::new("/dev/null")).contains("not an ordinary file"));
            let link = dir.path().join("link.csv");
            std::os::unix::fs::symlink("table.csv", &link).unwrap();
            TableFile::new(&link).unwrap().write(b"three").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&path).unwrap(), "three");
            fs::remove_file(&path).unwrap();
            assert!(refused(&link).contains("leads nowhere"));
        }
    }
}
