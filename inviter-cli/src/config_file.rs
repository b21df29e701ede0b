//! Where the configuration file is.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::bail;

const NAME: &str = "inviter.toml";
const SYSTEM: &str = "/etc/inviter/inviter.toml";

/// The file that was named, or the first of the usual places that has one.
pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let places = usual_places(|name| env::var_os(name).map(PathBuf::from));
    if let Some(found) = places.iter().find(|place| place.exists()) {
        return Ok(found.clone());
    }
    let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    bail!(
        "there is no configuration file ({}); copy inviter.sample.toml to one of these places and edit it, or \
         name a file with --config",
        places.join(", ")
    );
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
