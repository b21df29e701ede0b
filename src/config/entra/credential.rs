//! How the bot proves to a tenant who it is.

use std::path::{Path, PathBuf};

use inviter_azure::{Credential, check_object_id};
use secrecy::{ExposeSecret as _, SecretString};

use super::names::{client_id, tenant};
use crate::{
    config::{
        Environment, SettingValue,
        homeserver::{check_ca_file, file},
        path_in,
        secrets::{self, SecretKeys},
    },
    document::{Problems, Section},
};

const SECRET: SecretKeys = SecretKeys {
    file: "client_secret_file",
    env: "client_secret_env",
};
const CERTIFICATE: &str = "certificate_file";
const KEY: &str = "key_file";
const TOKEN: &str = "federated_token_file";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    ClientSecret,
    ClientCertificate,
    WorkloadIdentity,
    ManagedIdentity,
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::ClientCertificate => "client_certificate",
            Self::WorkloadIdentity => "workload_identity",
            Self::ManagedIdentity => "managed_identity",
        }
    }
}

const WORDS: [(&str, Word); 4] = [
    (Word::ClientSecret.as_str(), Word::ClientSecret),
    (Word::ClientCertificate.as_str(), Word::ClientCertificate),
    (Word::WorkloadIdentity.as_str(), Word::WorkloadIdentity),
    (Word::ManagedIdentity.as_str(), Word::ManagedIdentity),
];

/// Keys that are for one way of logging in only, and which that is.
const OF_ONE_WORD: [(&str, Word); 5] = [
    (SECRET.file, Word::ClientSecret),
    (SECRET.env, Word::ClientSecret),
    (CERTIFICATE, Word::ClientCertificate),
    (KEY, Word::ClientCertificate),
    (TOKEN, Word::WorkloadIdentity),
];

/// `None` only together with a problem.
pub(super) fn read(
    section: &Section<'_>,
    base: &Path,
    env: &dyn Environment,
    problems: &mut Problems,
) -> Option<Credential> {
    let word = match section.get("credential") {
        Some(_) => section.word("credential", &WORDS, problems)?,
        None => Word::ClientSecret,
    };
    let reader = Reader {
        section,
        base,
        env,
        word,
    };
    if reader.refuse_others(problems) {
        // Whoever gave keys of another way has to correct those first; the ones of this way may not be meant at all.
        if word != Word::ManagedIdentity {
            reader.application(problems);
        }
        return None;
    }
    match word {
        Word::ClientSecret => reader.client_secret(problems),
        Word::ClientCertificate => reader.client_certificate(problems),
        Word::WorkloadIdentity => reader.workload_identity(problems),
        Word::ManagedIdentity => reader.managed_identity(problems),
    }
}

/// A key that most ways of logging in need.
struct Needed {
    key: &'static str,
    /// The variable that a platform with workload identities sets.
    variable: &'static str,
    parse: fn(&str) -> Result<String, String>,
    write: &'static str,
}

const TENANT: Needed = Needed {
    key: "tenant",
    variable: "AZURE_TENANT_ID",
    parse: tenant,
    write: "write the directory (tenant) ID that the Entra admin center shows, or one of the tenant's domains",
};
const CLIENT_ID: Needed = Needed {
    key: "client_id",
    variable: "AZURE_CLIENT_ID",
    parse: client_id,
    write: "write the application (client) ID that the app registration shows",
};
const TOKEN_VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The section, where else its values may come from, and which way of logging in it is about. What its functions
/// answer is `None` only together with a problem.
#[derive(Clone, Copy)]
struct Reader<'a> {
    section: &'a Section<'a>,
    base: &'a Path,
    env: &'a dyn Environment,
    word: Word,
}

impl Reader<'_> {
    /// What is for another way of logging in would have no effect, and whoever wrote it thinks that it has.
    fn refuse_others(self, problems: &mut Problems) -> bool {
        let section = self.section;
        let mut found = false;
        for (key, word) in OF_ONE_WORD {
            if word == self.word || section.get(key).is_none() {
                continue;
            }
            let remedy = match section.get("credential") {
                Some(_) => "leave it out, or correct `credential`",
                None => "leave it out, or write that too",
            };
            let (shown, name) = (section.key(key), word.as_str());
            problems.add(
                section.at(key),
                format!("{shown} is for `credential = \"{name}\"`; {remedy}"),
            );
            found = true;
        }
        found
    }

    /// Tenant and application.
    fn application(self, problems: &mut Problems) -> Option<(String, String)> {
        let tenant = self.needed(&TENANT, problems);
        let client_id = self.needed(&CLIENT_ID, problems);
        Some((tenant?, client_id?))
    }

    fn needed(self, needed: &Needed, problems: &mut Problems) -> Option<String> {
        let Needed {
            key,
            variable,
            parse,
            write,
        } = *needed;
        let section = self.section;
        if section.get(key).is_some() {
            return section.parsed(key, parse, problems);
        }
        let from_platform = self.word == Word::WorkloadIdentity;
        if from_platform && let Some(value) = self.variable(variable) {
            let parsed = parse(&value).map_err(|why| {
                let shown = section.key(key);
                problems.add(
                    section.at,
                    format!(
                        "{shown} is missing, and the environment variable `{variable}` does not help: {why}"
                    ),
                );
            });
            return parsed.ok();
        }
        let or = if from_platform {
            format!(", or set the environment variable `{variable}`")
        } else {
            String::new()
        };
        let shown = section.key(key);
        problems.add(section.at, format!("{shown} is missing; {write}{or}"));
        None
    }

    /// A variable that platforms set; empty is as good as none.
    fn variable(self, name: &str) -> Option<String> {
        self.env.var(name).filter(|value| !value.is_empty())
    }

    fn client_secret(self, problems: &mut Problems) -> Option<Credential> {
        let application = self.application(problems);
        let secret = self.secret(problems);
        let (tenant, client_id) = application?;
        Some(Credential::ClientSecret {
            tenant,
            client_id,
            secret: secret?,
        })
    }

    fn secret(self, problems: &mut Problems) -> Option<SecretString> {
        let section = self.section;
        let key = match (section.get(SECRET.file), section.get(SECRET.env)) {
            (Some(_), Some(_)) => {
                problems.add(
                    section.at(SECRET.env),
                    "`client_secret_file` and `client_secret_env` are given in [directory.entra], and it must be one of \
                     them",
                );
                return None;
            }
            (None, None) => {
                if section.get("client_secret").is_none() {
                    problems.add(
                        section.at,
                        "[directory.entra] needs `client_secret_file` or `client_secret_env`, or another `credential`",
                    );
                }
                return None;
            }
            (Some(_), None) => SECRET.file,
            (None, Some(_)) => SECRET.env,
        };
        let secret = secrets::read(section, SECRET, self.base, self.env, problems)?;
        if check_object_id(secret.expose_secret()).is_ok() {
            // No secret, and what the admin center keeps showing, so that it is what people copy.
            let shown = section.key(key);
            problems.add(
                section.at(key),
                format!(
                    "{shown} leads to the ID of a client secret; take the secret's value, which the app registration \
                     shows only once, when the secret is made"
                ),
            );
            return None;
        }
        Some(secret)
    }

    fn client_certificate(self, problems: &mut Problems) -> Option<Credential> {
        let application = self.application(problems);
        let files = self.certificate(problems);
        let (tenant, client_id) = application?;
        let (certificate, key) = files?;
        Some(Credential::ClientCertificate {
            tenant,
            client_id,
            certificate,
            key,
        })
    }

    fn certificate(self, problems: &mut Problems) -> Option<(PathBuf, PathBuf)> {
        let section = self.section;
        let certificate = file(section, CERTIFICATE, self.base, check_ca_file, problems);
        let key = file(section, KEY, self.base, secrets::check_file, problems);
        let problem = match (section.get(CERTIFICATE), section.get(KEY)) {
            (Some(_), Some(_)) => return Some((certificate?, key?)),
            (Some(_), None) => format!("{} needs `{KEY}` too", section.key(CERTIFICATE)),
            (None, Some(_)) => format!("{} needs `{CERTIFICATE}` too", section.key(KEY)),
            (None, None) => {
                let needs =
                    format!("needs `{CERTIFICATE}` and `{KEY}` for `credential = \"client_certificate\"`");
                format!("[directory.entra] {needs}")
            }
        };
        let given = if section.get(KEY).is_some() {
            KEY
        } else {
            CERTIFICATE
        };
        problems.add(section.at(given), problem);
        None
    }

    fn workload_identity(self, problems: &mut Problems) -> Option<Credential> {
        let application = self.application(problems);
        let token_file = self.token_file(problems);
        let (tenant, client_id) = application?;
        Some(Credential::WorkloadIdentity {
            tenant,
            client_id,
            token_file: token_file?,
        })
    }

    fn token_file(self, problems: &mut Problems) -> Option<PathBuf> {
        let section = self.section;
        if section.get(TOKEN).is_some() {
            return file(section, TOKEN, self.base, is_there, problems);
        }
        let Some(given) = self.variable(TOKEN_VARIABLE) else {
            let shown = section.key(TOKEN);
            problems.add(
                section.at,
                format!(
                    "{shown} is missing; write where the platform keeps the workload's token, or set the environment \
                     variable `{TOKEN_VARIABLE}`"
                ),
            );
            return None;
        };
        let path = path_in(self.base, &given);
        if let Err(why) = is_there(&path) {
            let shown = section.key(TOKEN);
            problems.add(
                section.at,
                format!(
                    "{shown} is missing, and the environment variable `{TOKEN_VARIABLE}` does not help: the file `{}` \
                     {why}",
                    path.display()
                ),
            );
        }
        Some(path)
    }

    fn managed_identity(self, problems: &mut Problems) -> Option<Credential> {
        let section = self.section;
        if section.get(TENANT.key).is_some() {
            let shown = section.key(TENANT.key);
            problems.add(
                section.at(TENANT.key),
                format!(
                    "{shown} is not for `credential = \"managed_identity\"`, which belongs to one tenant anyway; leave \
                     it out, or correct `credential`"
                ),
            );
        }
        let client_id = match section.get(CLIENT_ID.key) {
            Some(_) => Some(section.parsed(CLIENT_ID.key, client_id, problems)?),
            None => None,
        };
        Some(Credential::ManagedIdentity { client_id })
    }
}

fn is_there(path: &Path) -> Result<(), String> {
    match std::fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err("is not a file".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("does not exist".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// What the platform says where the configuration does not.
pub(super) fn worked_out(credential: &Credential, key: &str) -> Option<SettingValue> {
    let Credential::WorkloadIdentity {
        tenant,
        client_id,
        token_file,
    } = credential
    else {
        return None;
    };
    let text = match key {
        "tenant" => tenant,
        "client_id" => client_id,
        "federated_token_file" => token_file.to_str()?,
        _ => return None,
    };
    Some(SettingValue::Text(text.to_owned()))
}
