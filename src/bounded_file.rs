//! Reading small files that somebody names: none of them is read beyond what it may hold, not even if it is a device that
//! never ends.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// The largest configuration file. One with a thousand listed rooms has about 200 KiB.
pub(crate) const CONFIGURATION: u64 = 16 << 20;
/// The largest file of certificates. All authorities that a system trusts have about 200 KiB.
pub(crate) const CERTIFICATES: u64 = 16 << 20;

/// The whole of a file of at most `limit` bytes; blocks.
///
/// # Errors
/// When it cannot be read, or with [`io::ErrorKind::FileTooLarge`] when it is larger.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more, rather than trusting the length that is told.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is larger than {} MiB", limit >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap().len(), 1 << 20);
        std::fs::write(&path, vec![7; (1 << 20) + 1]).unwrap();
        assert_eq!(
            read(&path, 1 << 20).unwrap_err().to_string(),
            "it is larger than 1 MiB"
        );
        #[cfg(target_os = "linux")]
        assert_eq!(
            read(Path::new("/dev/zero"), 1 << 20).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }
}
