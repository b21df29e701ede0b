//! The environment of the process, as the library asks for it.

use std::{env, ffi::OsString};

use inviter::{Environment, config::is_override};

use super::StartupError;

/// The variables of the process.
#[derive(Debug)]
pub struct ProcessEnvironment {
    overrides: Vec<(String, String)>,
}

impl ProcessEnvironment {
    /// Takes what overrides keys out of the environment.
    ///
    /// # Errors
    /// When one of those is not UTF-8.
    pub fn read() -> Result<Self, StartupError> {
        Self::of(env::vars_os())
    }

    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, StartupError> {
        let mut overrides = Vec::new();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            if !is_override(&name) {
                continue;
            }
            let Ok(value) = value.into_string() else {
                return Err(StartupError(format!(
                    "{name}: the value of this variable is not UTF-8; correct it, or unset it"
                )));
            };
            overrides.push((name.into_owned(), value));
        }
        overrides.sort();
        Ok(Self { overrides })
    }
}

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }

    fn overrides(&self) -> Vec<(String, String)> {
        self.overrides.clone()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn only_overrides_and_only_utf_8() {
        let variable = |name: &str, value: &[u8]| (OsString::from(name), OsString::from_vec(value.to_vec()));
        let read = |variables: &[(OsString, OsString)]| ProcessEnvironment::of(variables.iter().cloned());
        let good = [
            variable("PATH", b"\xff"),
            variable("INVITER_CONFIG", b"x"),
            variable("INVITER__STATE__DIR", b"y"),
        ];
        let overrides = read(&good).unwrap().overrides();
        assert_eq!(overrides, [("INVITER__STATE__DIR".to_owned(), "y".to_owned())]);
        let error = read(&[variable("INVITER__STATE__DIR", b"\xff")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("INVITER__STATE__DIR: the value of this variable is not UTF-8"),
            "{error}"
        );
    }
}
