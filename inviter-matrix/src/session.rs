//! The access token: given, kept from an earlier log-in, or got by logging in.

use std::{
    fmt, fs, io,
    io::{Read as _, Write as _},
    path::PathBuf,
    sync::Mutex,
};

use inviter_core::backend::{BackendError, BackendErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Credentials;

/// A log-in that can be used again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SavedSession {
    /// The homeserver's base URL that it belongs to.
    pub homeserver: String,
    /// The user name that was given to log in.
    pub user: String,
    /// The device of the log-in; kept when the token is not accepted any more.
    pub device_id: String,
    /// The access token.
    pub access_token: SecretString,
}

impl SavedSession {
    /// A session.
    pub const fn new(
        homeserver: String,
        user: String,
        device_id: String,
        access_token: SecretString,
    ) -> Self {
        Self {
            homeserver,
            user,
            device_id,
            access_token,
        }
    }
}

/// Keeps one [`SavedSession`] between starts. Called seldom; may block for as long as a small file takes.
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// The session kept, if there is one.
    fn load(&self) -> io::Result<Option<SavedSession>>;

    /// Keeps a session in place of the one before.
    fn save(&self, session: &SavedSession) -> io::Result<()>;
}

/// Keeps nothing: every start is a new device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoStore;

impl SessionStore for NoStore {
    fn load(&self) -> io::Result<Option<SavedSession>> {
        Ok(None)
    }

    fn save(&self, _session: &SavedSession) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the session in memory: for tests, and for services that build several backends.
#[derive(Debug, Default)]
pub struct MemorySessionStore(Mutex<Option<SavedSession>>);

impl SessionStore for MemorySessionStore {
    fn load(&self) -> io::Result<Option<SavedSession>> {
        Ok(self.0.lock().map_err(|_| io::ErrorKind::Other)?.clone())
    }

    fn save(&self, session: &SavedSession) -> io::Result<()> {
        *self.0.lock().map_err(|_| io::ErrorKind::Other)? = Some(session.clone());
        Ok(())
    }
}

/// Keeps the session in a file that only its owner may read.
#[derive(Debug, Clone)]
pub struct FileSessionStore {
    path: PathBuf,
}

impl FileSessionStore {
    /// The file; its folder has to exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

/// Of a session file, at most so much is read.
const MAX_SESSION: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
struct SessionFile {
    homeserver: String,
    user: String,
    device_id: String,
    access_token: String,
}

/// Refuses a file that every user can read or change: it is written for its owner only, so it was copied or restored, or
/// lies on a volume without modes. A group may: Kubernetes gives a volume's files to one (`fsGroup`).
#[cfg(unix)]
fn refuse_shared(file: &fs::File, text: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let is_open = mode & 0o007 != 0;
    if !is_open {
        return Ok(());
    }
    let device = device_in(text).map_or_else(
        || "the device of the log-in".to_owned(),
        |id| format!("its device `{id}`"),
    );
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "holds an access token and is open to every user (mode {mode:04o}); run `chmod 600` on it; if somebody may \
             have read it, log {device} out and remove the file, and the next start logs in anew; on a volume without \
             modes, mount that with others for files, such as `file_mode=0600`, or keep the file elsewhere"
        ),
    ))
}

/// Elsewhere permissions are not a mode, and nothing is checked.
#[cfg(not(unix))]
fn refuse_shared(_file: &fs::File, _text: &[u8]) -> io::Result<()> {
    Ok(())
}

/// The device that a session file names, if that is a name which can be shown: others may have written it.
#[cfg(unix)]
fn device_in(text: &[u8]) -> Option<String> {
    let file: SessionFile = serde_json::from_slice(text).ok()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~=+/-".contains(&byte);
    let id = file.device_id;
    ((1..=MAX_DEVICE).contains(&id.len()) && id.bytes().all(is_plain)).then_some(id)
}

/// Of a device's name, at most so many bytes are shown.
#[cfg(unix)]
const MAX_DEVICE: usize = 255;

impl SessionStore for FileSessionStore {
    fn load(&self) -> io::Result<Option<SavedSession>> {
        let opened = fs::File::open(&self.path).and_then(|file| {
            // It is never larger; whatever is has been put there by mistake, and is refused below.
            let mut text = Vec::new();
            (&file).take(MAX_SESSION).read_to_end(&mut text)?;
            refuse_shared(&file, &text)?;
            Ok(text)
        });
        let text = match opened {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // serde's messages quote what they found; the token must not get into one.
        let file: SessionFile = serde_json::from_slice(&text)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not a session file"))?;
        Ok(Some(SavedSession {
            homeserver: file.homeserver,
            user: file.user,
            device_id: file.device_id,
            access_token: file.access_token.into(),
        }))
    }

    fn save(&self, session: &SavedSession) -> io::Result<()> {
        let text = serde_json::to_vec(&SessionFile {
            homeserver: session.homeserver.clone(),
            user: session.user.clone(),
            device_id: session.device_id.clone(),
            access_token: session.access_token.expose_secret().to_owned(),
        })?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        // Temporary files are made with mode 0600; renaming keeps it, and no half-written file is ever seen.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// The token in use, and how many log-ins came before it.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    pub(crate) generation: u32,
}

/// What is known about the log-in.
pub(crate) struct Session {
    pub(crate) credentials: Credentials,
    pub(crate) homeserver: String,
    /// The token in use; the lock is held while logging in, so that it happens once.
    pub(crate) current: tokio::sync::Mutex<Option<Current>>,
}

pub(crate) struct Current {
    pub(crate) token: Token,
    pub(crate) device_id: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(credentials: Credentials, homeserver: String) -> Self {
        Self {
            credentials,
            homeserver,
            current: tokio::sync::Mutex::new(None),
        }
    }

    /// What the store has for this user at this homeserver.
    pub(crate) fn saved(&self) -> Result<Option<SavedSession>, BackendError> {
        let Credentials::Password { user, store, .. } = &self.credentials else {
            return Ok(None);
        };
        let saved = store.load().map_err(|error| self.store_failed("read", error))?;
        Ok(saved.filter(|s| s.homeserver == self.homeserver && s.user == *user))
    }

    pub(crate) fn keep(&self, session: &SavedSession) -> Result<(), BackendError> {
        match &self.credentials {
            Credentials::Password { store, .. } => store
                .save(session)
                .map_err(|error| self.store_failed("written", error)),
            Credentials::Token(_) => Ok(()),
        }
    }

    fn store_failed(&self, what: &str, error: io::Error) -> BackendError {
        BackendError::new(
            BackendErrorKind::Unavailable,
            &self.homeserver,
            format!("the kept session cannot be {what} ({error}); check the session file and its folder"),
        )
        .caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.json");
        let store = FileSessionStore::new(&path);
        assert!(store.load().unwrap().is_none());
        let session = SavedSession::new(
            "https://x".into(),
            "bot".into(),
            "DEV".into(),
            "hunter2".to_owned().into(),
        );
        store.save(&session).unwrap();
        store.save(&session).unwrap();
        let loaded = store.load().unwrap().unwrap();
        assert_eq!(loaded.device_id, "DEV");
        assert_eq!(loaded.access_token.expose_secret(), "hunter2");
        assert!(!format!("{loaded:?}").contains("hunter2"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, r#"{"access_token":["hunter2"]}"#).unwrap();
        assert!(!store.load().unwrap_err().to_string().contains("hunter2"));
    }
    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.json");
        let store = FileSessionStore::new(&path);
        let token = "hunter2".to_owned().into();
        let session = SavedSession::new("https://x".into(), "bot".into(), "DEV".into(), token);
        store.save(&session).unwrap();
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o644, 0o604, 0o602] {
            set(mode);
            let error = store.load().unwrap_err().to_string();
            for told in [
                format!("is open to every user (mode {mode:04o}); run `chmod 600` on it"),
                "log its device `DEV` out and remove the file".to_owned(),
                "on a volume without modes".to_owned(),
            ] {
                assert!(error.contains(&told), "{error}");
            }
            assert!(!error.contains("hunter2"), "{error}");
        }
        // What others have written into it is not shown.
        let long = "D".repeat(300);
        for device in ["", "a b", r"a\u001b[31m", "`", &*long] {
            let text = format!(
                r#"{{"homeserver":"https://x","user":"bot","device_id":"{device}","access_token":"hunter2"}}"#
            );
            fs::write(&path, text).unwrap();
            set(0o604);
            let error = store.load().unwrap_err().to_string();
            assert!(error.contains("log the device of the log-in out"), "{error}");
        }
        // What is written next is closed again, and so it is once somebody has done what was said.
        store.save(&session).unwrap();
        assert_eq!(store.load().unwrap().unwrap().device_id, "DEV");
        set(0o660);
        assert_eq!(store.load().unwrap().unwrap().device_id, "DEV");
    }
}
