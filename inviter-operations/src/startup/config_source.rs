//! Where the configuration file is.

use std::{
    env,
    path::{Path, PathBuf},
};

use inviter::{Config, ConfigErrors, Environment, config::Explained};

use super::StartupError;

const NAME: &str = "inviter.toml";
const SYSTEM: &str = "/etc/inviter/inviter.toml";

/// What makes a configuration of variables alone: nothing can do without it.
const ENOUGH: &str = "INVITER__HOMESERVER__URL";

/// What the configuration is read from.
#[derive(Debug, Clone)]
pub enum ConfigSource {
    /// A file, and variables that override its keys.
    File(PathBuf),
    /// Variables alone.
    Environment,
}

impl ConfigSource {
    /// As people read it.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Environment => "the environment".to_owned(),
        }
    }

    /// The file that was named, or the first of the usual places that has one, or else the environment by itself.
    ///
    /// # Errors
    /// When there is nothing to read.
    pub fn find(named: Option<&Path>, environment: &dyn Environment) -> Result<Self, StartupError> {
        if let Some(named) = named {
            return Ok(Self::File(named.to_owned()));
        }
        let places = usual_places(|name| env::var_os(name).map(PathBuf::from));
        if let Some(found) = places.iter().find(|place| place.exists()) {
            return Ok(Self::File(found.clone()));
        }
        let mut overrides = environment.overrides().into_iter();
        if overrides.any(|(name, _)| name.eq_ignore_ascii_case(ENOUGH)) {
            return Ok(Self::Environment);
        }
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        Err(StartupError(format!(
            "there is no configuration file ({}); copy inviter.sample.toml to one of these places and edit it, or name \
             a file with --config",
            places.join(", ")
        )))
    }

    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// All errors in it at once.
    pub fn read(&self, environment: &dyn Environment) -> Result<Config, ConfigErrors> {
        match self {
            Self::File(path) => Config::load(path, environment),
            Self::Environment => Config::from_environment(Path::new(""), environment),
        }
    }

    /// The configuration with where each of its values comes from.
    ///
    /// # Errors
    /// All errors in it at once.
    pub fn explain(&self, environment: &dyn Environment) -> Result<Explained, ConfigErrors> {
        match self {
            Self::File(path) => Config::explain_file(path, environment),
            Self::Environment => Config::explain_environment(Path::new(""), environment),
        }
    }
}

/// In the order in which they are looked at.
fn usual_places(var: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    // The base directory specification: a relative path is to be ignored.
    let absolute = |name: &str| var(name).filter(|dir| dir.is_absolute());
    let of_user = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let of_user = of_user.map(|dir| dir.join("inviter").join(NAME));
    let here = Path::new(".").join(NAME);
    [Some(here), of_user, Some(PathBuf::from(SYSTEM))]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(vars: &[(&str, &str)]) -> Vec<String> {
        let var = |name: &str| Some(PathBuf::from(vars.iter().find(|(known, _)| *known == name)?.1));
        let places = usual_places(var);
        places.iter().map(|place| place.display().to_string()).collect()
    }

    #[test]
    fn xdg_before_home_and_never_relative() {
        assert_eq!(places(&[]), ["./inviter.toml", SYSTEM]);
        assert_eq!(
            places(&[("HOME", "/h")]),
            ["./inviter.toml", "/h/.config/inviter/inviter.toml", SYSTEM]
        );
        assert_eq!(
            places(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")])[1],
            "/x/inviter/inviter.toml"
        );
        assert_eq!(
            places(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")])[1],
            "/h/.config/inviter/inviter.toml"
        );
    }
}
