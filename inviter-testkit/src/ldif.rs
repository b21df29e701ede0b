//! Entries and changes of a directory, written as LDIF (RFC 2849).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// LDIF text under construction: entries for [`SlapdOptions::ldif`](crate::SlapdOptions::ldif), or entries and
/// changes for [`Slapd::apply`](crate::Slapd::apply). Changes are no good for the former.
///
/// Any text serves as a value or as a part of a name; what has to be escaped is.
#[derive(Debug, Clone)]
pub struct Ldif {
    suffix: String,
    text: String,
}

/// An attribute and its value, several pairs for several values.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Ldif {
    /// Nothing yet; the helpers put their entries below this suffix.
    pub fn new(suffix: &str) -> Self {
        Self {
            suffix: suffix.to_owned(),
            text: String::new(),
        }
    }

    /// The top entry, `ou=people` and `ou=groups`: what a new directory needs first.
    pub fn tree(suffix: &str) -> Self {
        let mut ldif = Self::new(suffix);
        let domain = suffix
            .split(',')
            .next()
            .and_then(|rdn| rdn.split_once('='))
            .map_or("", |(_, value)| value);
        ldif.entry(suffix, &[("objectClass", "domain"), ("dc", domain)]);
        ldif.unit("people").unit("groups")
    }

    /// `ou=name`, right below the suffix.
    #[must_use]
    pub fn unit(mut self, name: &str) -> Self {
        let dn = self.below("ou", name, None);
        self.entry(&dn, &[("objectClass", "organizationalUnit"), ("ou", name)]);
        self
    }

    /// `uid=…,ou=people,<suffix>`.
    pub fn person_dn(&self, uid: &str) -> String {
        self.below("uid", uid, Some("ou=people"))
    }

    /// `cn=…,ou=groups,<suffix>`.
    pub fn group_dn(&self, cn: &str) -> String {
        self.below("cn", cn, Some("ou=groups"))
    }

    fn below(&self, attribute: &str, value: &str, unit: Option<&str>) -> String {
        let mut dn = rdn(attribute, value);
        for part in unit.into_iter().chain([self.suffix.as_str()]) {
            dn.push(',');
            dn.push_str(part);
        }
        dn
    }

    /// An `inetOrgPerson` with `cn` and `sn` like its `uid`, and `mail` if that can be one.
    ///
    /// An attribute of `more` takes the place of such a default, and an empty value drops it; `objectClass` adds.
    pub fn person(&mut self, uid: &str, more: Attributes<'_>) -> &mut Self {
        // Addresses outside ASCII are no valid values of `mail`.
        let mail = format!("{uid}@example.test");
        let mail = if mail.is_ascii() { mail.as_str() } else { "" };
        let defaults = [
            ("objectClass", "inetOrgPerson"),
            ("uid", uid),
            ("cn", uid),
            ("sn", uid),
            ("mail", mail),
        ];
        let dn = self.person_dn(uid);
        self.with_defaults(&dn, &defaults, more)
    }

    /// A [`person`](Self::person) that is a `posixAccount` too (RFC 2307).
    pub fn posix_account(&mut self, uid: &str, uid_number: u32, gid_number: u32) -> &mut Self {
        self.person(
            uid,
            &[
                ("objectClass", "posixAccount"),
                ("uidNumber", &uid_number.to_string()),
                ("gidNumber", &gid_number.to_string()),
                ("homeDirectory", "/nonexistent"),
            ],
        )
    }

    /// A `groupOfNames` with these members (DNs). That class must have one: without any, it is the empty DN.
    pub fn group_of_names(&mut self, cn: &str, members: &[impl AsRef<str>]) -> &mut Self {
        self.group(cn, "groupOfNames", "member", members)
    }

    /// A `groupOfUniqueNames` with these members (DNs); without any, it is the empty DN.
    pub fn group_of_unique_names(&mut self, cn: &str, members: &[impl AsRef<str>]) -> &mut Self {
        self.group(cn, "groupOfUniqueNames", "uniqueMember", members)
    }

    fn group(&mut self, cn: &str, class: &str, attribute: &str, members: &[impl AsRef<str>]) -> &mut Self {
        let mut attributes = vec![("objectClass", class), ("cn", cn)];
        attributes.extend(members.iter().map(|member| (attribute, member.as_ref())));
        if members.is_empty() {
            attributes.push((attribute, ""));
        }
        let dn = self.group_dn(cn);
        self.entry(&dn, &attributes)
    }

    /// A `posixGroup` with these members (uids in ASCII, not DNs; RFC 2307).
    pub fn posix_group(&mut self, cn: &str, gid_number: u32, members: &[impl AsRef<str>]) -> &mut Self {
        let number = gid_number.to_string();
        let mut attributes = vec![("objectClass", "posixGroup"), ("cn", cn), ("gidNumber", &number)];
        attributes.extend(members.iter().map(|member| ("memberUid", member.as_ref())));
        let dn = self.group_dn(cn);
        self.entry(&dn, &attributes)
    }

    /// An account to log in with: `cn=name` right below the suffix.
    pub fn account(&mut self, name: &str, password: &str, more: Attributes<'_>) -> &mut Self {
        let defaults = [
            ("objectClass", "organizationalRole"),
            ("objectClass", "simpleSecurityObject"),
            ("cn", name),
            ("userPassword", password),
        ];
        let dn = self.below("cn", name, None);
        self.with_defaults(&dn, &defaults, more)
    }

    /// An [`account`](Self::account) whose password was last changed in 2000. It has expired if the overlay
    /// `ppolicy` is there with a [`password_policy`](Self::password_policy). Not for
    /// [`apply`](crate::Slapd::apply): only loading can set that time.
    pub fn expired_account(&mut self, name: &str, password: &str) -> &mut Self {
        self.account(name, password, &[("pwdChangedTime", "20000101000000Z")])
    }

    /// The default policy of the overlay `ppolicy`: a password serves for so many seconds since its last change.
    pub fn password_policy(&mut self, max_age: u32) -> &mut Self {
        let dn = self.below("cn", "ppolicy", None);
        self.entry(
            &dn,
            &[
                ("objectClass", "device"),
                ("objectClass", "pwdPolicy"),
                ("cn", "ppolicy"),
                ("pwdAttribute", "userPassword"),
                ("pwdMaxAge", &max_age.to_string()),
            ],
        )
    }

    /// A user of an Active Directory in `CN=Users`, without a password. `control` is the `userAccountControl`:
    /// 544 for one that may log in without a password, 546 for one that is disabled. `sAMAccountName` is the name
    /// with `_` for what it cannot hold.
    pub fn ad_user(&mut self, name: &str, control: u32, more: Attributes<'_>) -> &mut Self {
        let control = control.to_string();
        let account = account_name(name);
        let defaults = [
            ("objectClass", "user"),
            ("sAMAccountName", &account),
            ("userAccountControl", &control),
        ];
        let dn = self.ad_dn(name);
        self.with_defaults(&dn, &defaults, more)
    }

    /// A global security group of an Active Directory in `CN=Users`, with these members (DNs).
    pub fn ad_group(&mut self, name: &str, members: &[impl AsRef<str>]) -> &mut Self {
        let account = account_name(name);
        let mut attributes = vec![("objectClass", "group"), ("sAMAccountName", account.as_str())];
        attributes.extend(members.iter().map(|member| ("member", member.as_ref())));
        let dn = self.ad_dn(name);
        self.entry(&dn, &attributes)
    }

    /// `CN=…,CN=Users,<suffix>`.
    pub fn ad_dn(&self, name: &str) -> String {
        self.below("CN", name, Some("CN=Users"))
    }

    fn with_defaults(&mut self, dn: &str, defaults: Attributes<'_>, more: Attributes<'_>) -> &mut Self {
        let given = |name: &str| {
            !name.eq_ignore_ascii_case("objectClass")
                && more.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        let mut attributes: Vec<_> = defaults
            .iter()
            .filter(|(name, _)| !given(name))
            .copied()
            .collect();
        attributes.extend(more);
        attributes.retain(|(_, value)| !value.is_empty());
        self.entry(dn, &attributes)
    }

    /// Any entry.
    pub fn entry(&mut self, dn: &str, attributes: Attributes<'_>) -> &mut Self {
        self.record(dn);
        // The values of an attribute stand together: slapadd in quick mode takes the last run for all.
        let first = |name: &str| {
            attributes
                .iter()
                .position(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        let mut together = attributes.to_vec();
        together.sort_by_key(|(name, _)| first(name));
        for (name, value) in together {
            self.line(name, value);
        }
        self.end()
    }

    /// A change: adds values to an attribute.
    pub fn add_values(&mut self, dn: &str, attribute: &str, values: &[impl AsRef<str>]) -> &mut Self {
        self.modify(dn, "add", attribute, values)
    }

    /// A change: removes values of an attribute; without any, all of them.
    pub fn delete_values(&mut self, dn: &str, attribute: &str, values: &[impl AsRef<str>]) -> &mut Self {
        self.modify(dn, "delete", attribute, values)
    }

    /// A change: gives an attribute these values and no others.
    pub fn replace_values(&mut self, dn: &str, attribute: &str, values: &[impl AsRef<str>]) -> &mut Self {
        self.modify(dn, "replace", attribute, values)
    }

    fn modify(&mut self, dn: &str, how: &str, attribute: &str, values: &[impl AsRef<str>]) -> &mut Self {
        self.record(dn);
        self.line("changetype", "modify");
        self.line(how, attribute);
        for value in values {
            self.line(attribute, value.as_ref());
        }
        self.text.push_str("-\n");
        self.end()
    }

    /// A change: removes an entry that has none below it.
    pub fn delete(&mut self, dn: &str) -> &mut Self {
        self.record(dn);
        self.line("changetype", "delete");
        self.end()
    }

    /// A change: renames an entry to an [`rdn`], and moves it if there is a new parent.
    pub fn rename(&mut self, dn: &str, new_rdn: &str, new_parent: Option<&str>) -> &mut Self {
        self.record(dn);
        self.line("changetype", "modrdn");
        self.line("newrdn", new_rdn);
        self.line("deleteoldrdn", "1");
        if let Some(parent) = new_parent {
            self.line("newsuperior", parent);
        }
        self.end()
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn record(&mut self, dn: &str) {
        self.line("dn", dn);
    }

    fn end(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    fn line(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        if is_safe(value) {
            self.text.push_str(": ");
            self.text.push_str(value);
        } else {
            self.text.push_str(":: ");
            self.text.push_str(&STANDARD.encode(value));
        }
        self.text.push('\n');
    }
}

impl fmt::Display for Ldif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for Ldif {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Whether LDIF can hold a value as it is (SAFE-STRING of RFC 2849), trailing spaces aside.
fn is_safe(value: &str) -> bool {
    !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
        && value
            .chars()
            .all(|c| c.is_ascii() && !matches!(c, '\0' | '\n' | '\r'))
}

/// A name without the characters that Active Directory keeps out of `sAMAccountName`.
fn account_name(name: &str) -> String {
    name.replace(
        |c: char| {
            matches!(
                c,
                '"' | '/' | '\\' | '[' | ']' | ':' | ';' | '|' | '=' | ',' | '+' | '*' | '?' | '<' | '>'
            )
        },
        "_",
    )
}

/// One part of a distinguished name, its value escaped by RFC 4514: `rdn("cn", "Doe, John")` is `cn=Doe\, John`.
pub fn rdn(attribute: &str, value: &str) -> String {
    let mut escaped = format!("{attribute}=");
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        let special = matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (c == '#' && index == 0)
            || (c == ' ' && (index == 0 || index == last));
        if c == '\0' {
            escaped.push_str("\\00");
            continue;
        }
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_values_are_escaped() {
        assert_eq!(rdn("cn", "Doe, John"), "cn=Doe\\, John");
        assert_eq!(rdn("cn", " #a\\ "), "cn=\\ #a\\\\\\ ");
        assert_eq!(rdn("cn", "#1"), "cn=\\#1");
        let mut ldif = Ldif::new("dc=x");
        ldif.entry(
            "cn=é,dc=x",
            &[("cn", "é"), ("sn", "*)(uid=*"), ("ou", " a"), ("l", "")],
        );
        assert_eq!(
            ldif.text(),
            "dn:: Y249w6ksZGM9eA==\ncn:: w6k=\nsn: *)(uid=*\nou:: IGE=\nl: \n\n"
        );
    }

    #[test]
    fn defaults_give_way() {
        let mut ldif = Ldif::new("dc=x");
        ldif.person(
            "ann",
            &[("MAIL", "a@b"), ("sn", ""), ("objectClass", "extensibleObject")],
        );
        assert_eq!(
            ldif.text(),
            "dn: uid=ann,ou=people,dc=x\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: ann\n\
             cn: ann\nMAIL: a@b\n\n"
        );
    }
}
