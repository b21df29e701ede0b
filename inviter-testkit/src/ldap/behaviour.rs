//! How a server of the tests behaves towards every request.

use std::time::Duration;

/// How an [`LdapServer`](super::LdapServer) behaves. The default has no limits and pages as RFC 2696 says.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The most entries in one answer. A search without pages that finds more is given these and then
    /// sizeLimitExceeded (4); longer pages are cut to this.
    pub max_entries: Option<usize>,
    /// How attributes with many values are given out; nothing for a server that knows no ranges, to which
    /// `member;range=0-9` is the name of an attribute that does not exist.
    pub ranges: Option<Ranges>,
    /// What becomes of the paged results control.
    pub paging: Paging,
    /// What a search below a base ends with before its result: a searchResultReference for each URL.
    pub references: Vec<String>,
    /// What passes before each message that answers a search.
    pub pause: Duration,
    /// Whether a search is refused with operationsError (1) unless an account has bound before.
    pub bind_first: bool,
    /// Whether a simple bind with an empty password is a success (RFC 4513 section 5.1.2), or else refused with
    /// unwillingToPerform (53). It does not count as the account's bind.
    pub empty_password_succeeds: bool,
    /// What is said with invalidCredentials (49).
    pub refusal: String,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            max_entries: None,
            ranges: None,
            paging: Paging::Normal,
            references: Vec::new(),
            pause: Duration::ZERO,
            bind_first: false,
            empty_password_succeeds: false,
            refusal: String::new(),
        }
    }
}

impl Behaviour {
    /// As Active Directory: 1000 entries, 1500 values, references at the end, searching only after a bind, its
    /// words for a wrong password, and a success for an empty one.
    pub fn active_directory() -> Self {
        Self {
            max_entries: Some(1000),
            ranges: Some(Ranges::default()),
            references: ["ForestDnsZones.", "DomainDnsZones.", ""]
                .map(|zone| format!("ldap://{zone}example.org/DC=example,DC=org"))
                .to_vec(),
            bind_first: true,
            empty_password_succeeds: true,
            refusal:
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"
                    .to_owned(),
            ..Self::default()
        }
    }
}

/// How attributes with many values are given out (MS-ADTS section 3.1.1.3.1.3.3).
#[derive(Debug, Clone)]
pub struct Ranges {
    /// The most values of one attribute in one answer; of more there are ranges.
    pub max_values: usize,
    /// Fewer values than that: as many in the first range that is given out, as many in the second, and so on,
    /// from the start again at the end. Empty for as many as possible.
    pub steps: Vec<usize>,
    /// Whether the attribute's own name comes too, without values, when only a range was given.
    pub empty_beside: bool,
    /// What a range beyond the last value gives.
    pub past_end: PastEnd,
    /// A way in which the ranges are wrong.
    pub trick: Option<RangeTrick>,
}

impl Default for Ranges {
    fn default() -> Self {
        Self {
            max_values: 1500,
            steps: Vec::new(),
            empty_beside: false,
            past_end: PastEnd::Empty,
            trick: None,
        }
    }
}

/// What a range that begins beyond the last value gives. Servers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastEnd {
    /// `member;range=L-*` without values, as Samba does.
    Empty,
    /// An entry without the attribute.
    Absent,
    /// No entry, and operationsError (1).
    Error,
}

/// A way in which ranges are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeTrick {
    /// Every range begins at the first value and never says that it is the last.
    Stuck,
    /// A range that should not begin at 0 leaves its first value out, and says so.
    Gap,
    /// The last range has a number for its end, so that the client asks for one more.
    NoEnd,
    /// A range other than the first has no values, and says that it is not the last.
    NoValues,
}

/// What becomes of the paged results control (RFC 2696).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// Cookies with bytes that are no text, good on their connection only. The entries found by the first
    /// request are what all pages are of; what each holds is read when its page is.
    Normal,
    /// The server does not know the control: unavailableCriticalExtension (12) if it is critical, else all
    /// entries at once. The root DSE is the test's to change.
    Unsupported,
    /// The cookie of the first page is refused with unwillingToPerform (53) when it comes back.
    Forgetful,
    /// The first page for ever, with the same cookie each time.
    SameForEver,
    /// Pages without entries for ever, each with another cookie, after the first.
    EmptyForEver,
    /// The control of the answer has a value that is not BER.
    Unreadable,
    /// One page, success, and no control: as if it were all.
    NoControl,
}
