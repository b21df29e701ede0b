//! A file that a command is asked to write: whole, or not at all.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::anyhow;

/// What kind of file it is.
#[derive(Debug, Clone)]
pub(crate) struct Sort {
    /// How every such file begins.
    pub(crate) begins: String,
    /// What it is, such as `table`.
    pub(crate) what: &'static str,
    /// What a file that is kept is not, such as `no table of removals`.
    pub(crate) other: &'static str,
}

/// Where such a file goes.
#[derive(Debug)]
pub(crate) enum TableFile {
    /// Standard output, by the name `-`.
    Stdout,
    /// A file, and what it is. One that is there already is an earlier one of the same sort, and is replaced.
    File(PathBuf, &'static str),
}

impl TableFile {
    /// Looks whether a file can be written there, before anything is asked of anyone. What is there already is replaced
    /// only if it is empty or of the same sort: anything else is something that somebody needs.
    pub(crate) fn new(path: &Path, sort: &Sort) -> anyhow::Result<Self> {
        let Sort { begins, what, other } = sort;
        if path.as_os_str() == "-" {
            return Ok(Self::Stdout);
        }
        let problem =
            |wrong: &str| anyhow!("{}: {wrong}; name a file to write the {what} to", path.display());
        // A link is followed to the file that it stands for, which is then replaced; the link stays.
        let target = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new_file(path),
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
            Ok(_) => match is_one(&target, begins) {
                Ok(true) => {}
                Ok(false) => {
                    return Err(anyhow!(
                        "{}: this file is there already and is {other}, so it is not replaced; name another file",
                        path.display()
                    ));
                }
                Err(error) => {
                    return Err(problem(&format!(
                        "what is there already cannot be read ({error})"
                    )));
                }
            },
            Err(_) => {}
        }
        Ok(Self::File(target, what))
    }

    /// Whether both are the same file, or standard output.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stdout, Self::Stdout) => true,
            (Self::File(one, _), Self::File(another, _)) => one == another,
            _ => false,
        }
    }

    /// Writes everything, to a temporary file first that takes the name once it is whole. Nobody else may read it: it
    /// tells about people.
    pub(crate) fn write(&self, table: &[u8]) -> anyhow::Result<()> {
        let (path, what) = match self {
            Self::Stdout => {
                return crate::output::text(&String::from_utf8_lossy(table));
            }
            Self::File(path, what) => (path, what),
        };
        let failed =
            |error: io::Error| anyhow!("{}: the {what} could not be written ({error})", path.display());
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

/// Whether a file holds nothing, or something that begins so.
fn is_one(file: &Path, header: &str) -> io::Result<bool> {
    let mut begin = Vec::new();
    let length = u64::try_from(header.len()).unwrap_or(u64::MAX);
    fs::File::open(file)?.take(length).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == header.as_bytes())
}

/// Where a file is made that is not there yet: however its directory is spelled, the same file has the same name.
fn new_file(path: &Path) -> PathBuf {
    let name = path.file_name().filter(|_| !path.is_symlink());
    match (name, fs::canonicalize(directory(path))) {
        (Some(name), Ok(directory)) => directory.join(name),
        // Which is told as what it is.
        _ => path.to_owned(),
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

    const HEADER: &str = "a,b\n";

    fn new(path: &Path) -> anyhow::Result<TableFile> {
        let sort = Sort {
            begins: HEADER.to_owned(),
            what: "table",
            other: "no table of removals",
        };
        TableFile::new(path, &sort)
    }

    #[test]
    fn only_a_table_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.csv");
        for replaced in ["", "a,b\n", "a,b\n1,2\n"] {
            fs::write(&path, replaced).unwrap();
            new(&path).unwrap();
        }
        for kept in ["a,b", "a,b,signed\n", "[homeserver]\n", "SQLite format 3\0", "\n"] {
            fs::write(&path, kept).unwrap();
            let error = new(&path).unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
            assert!(error.contains("it is not replaced; name another file"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), kept);
        }
    }

    #[test]
    fn one_file_is_one_however_it_is_spelled() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("below")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
        let spelled = |path: &str| new(&dir.path().join(path)).unwrap();
        let is_one = || {
            let file = spelled("x.csv");
            for other in ["./x.csv", "below/../x.csv", "x.csv"] {
                assert!(spelled(other).is(&file), "{other}");
            }
            #[cfg(unix)]
            assert!(spelled("link/x.csv").is(&file) && spelled("below/../link/./x.csv").is(&file));
            assert!(!spelled("y.csv").is(&file) && !spelled("below/x.csv").is(&file));
        };
        is_one();
        assert!(!dir.path().join("x.csv").exists(), "looking makes no file");
        spelled("x.csv").write(b"a,b\n").unwrap();
        is_one();
        // In the directory that the program is in.
        assert!(
            new(Path::new("./new.csv"))
                .unwrap()
                .is(&new(Path::new("new.csv")).unwrap())
        );
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table.csv");
        for text in ["a,b\n1,2\n", "a,b\n"] {
            new(&path).unwrap().write(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file stays"
        );
        assert!(matches!(new(Path::new("-")), Ok(TableFile::Stdout)));
        let refused = |path: &Path| new(path).unwrap_err().to_string();
        assert!(refused(dir.path()).contains("is a directory"));
        assert!(refused(&path.join("under")).contains("Not a directory"));
        assert!(refused(&dir.path().join("none/table.csv")).contains("does not exist"));
        #[cfg(unix)]
        {
            assert!(refused(Path::new("/dev/null")).contains("not an ordinary file"));
            let link = dir.path().join("link.csv");
            std::os::unix::fs::symlink("table.csv", &link).unwrap();
            new(&link).unwrap().write(b"a,b\n3,4\n").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&path).unwrap(), "a,b\n3,4\n");
            fs::remove_file(&path).unwrap();
            assert!(refused(&link).contains("leads nowhere"));
        }
    }
}
