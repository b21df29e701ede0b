//! Whether an account may be used, by what its attributes say.

use inviter_core::{directory::AccountStatus, time::Timestamp};

use crate::{entry::Entry, schema::DisabledBy};

/// The bit `ACCOUNTDISABLE` ([MS-ADTS] 2.2.16). `LOCKOUT` is left out: wrong passwords bring it about, and it passes.
const ACCOUNT_DISABLE: i64 = 0x2;
/// From 1601, where Windows begins to count, to 1970, in seconds.
const EPOCHS_APART: i64 = 11_644_473_600;
/// An account that only an administrator unlocks (draft-behera-ldap-password-policy section 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";
const DAY: u64 = 24 * 60 * 60 * 1000;

/// `None` if the directory does not say: what has to be there is not, or cannot be understood.
pub(crate) fn status(entry: &Entry, rules: &[DisabledBy], now: Timestamp) -> Option<AccountStatus> {
    let mut unclear = false;
    for &rule in rules {
        let Ok(value) = single(entry, rule.attribute()) else {
            unclear = true;
            continue;
        };
        match disabled(rule, value, now) {
            Some(true) => return Some(AccountStatus::Disabled),
            Some(false) => {}
            None => unclear = true,
        }
    }
    (!unclear).then_some(AccountStatus::Active)
}

/// The one value of an attribute, if it has any; an error if it has several, or is no text.
fn single<'e>(entry: &'e Entry, attribute: &str) -> Result<Option<&'e str>, ()> {
    match entry.values(attribute) {
        [] => Ok(None),
        [value] => std::str::from_utf8(value).map(Some).map_err(drop),
        _ => Err(()),
    }
}

fn disabled(rule: DisabledBy, value: Option<&str>, now: Timestamp) -> Option<bool> {
    let Some(value) = value.map(str::trim) else {
        // Each account of Active Directory has one; where it is not seen, the right to read it is missing.
        return (rule != DisabledBy::UserAccountControl).then_some(false);
    };
    match rule {
        DisabledBy::NsAccountLock => match value.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        DisabledBy::UserAccountControl => {
            let flags: i64 = value.parse().ok()?;
            Some(flags & ACCOUNT_DISABLE != 0)
        }
        DisabledBy::AccountExpires => {
            let at: i64 = value.parse().ok()?;
            // Both mean never.
            if at == 0 || at == i64::MAX {
                return Some(false);
            }
            let seconds = i64::try_from(now.0 / 1000).ok()?;
            Some(at / 10_000_000 - EPOCHS_APART <= seconds)
        }
        DisabledBy::PwdAccountLockedTime => Some(value == LOCKED_FOR_GOOD),
        DisabledBy::ShadowExpire => {
            let day: i64 = value.parse().ok()?;
            let today = i64::try_from(now.0 / DAY).ok()?;
            Some(day >= 0 && day <= today)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26T12:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_694_400_000);

    #[track_caller]
    fn check(rule: DisabledBy, value: Option<&str>, expected: Option<bool>) {
        assert_eq!(disabled(rule, value, NOW), expected, "{rule:?} {value:?}");
    }

    #[test]
    fn by_each_attribute() {
        use DisabledBy::*;
        check(NsAccountLock, None, Some(false));
        check(NsAccountLock, Some("TRUE"), Some(true));
        check(NsAccountLock, Some("false"), Some(false));
        check(NsAccountLock, Some("yes"), None);
        check(UserAccountControl, Some("512"), Some(false));
        check(UserAccountControl, Some("514"), Some(true));
        check(UserAccountControl, Some("66050"), Some(true));
        // Locked out by wrong passwords.
        check(UserAccountControl, Some("528"), Some(false));
        check(UserAccountControl, None, None);
        check(UserAccountControl, Some("x"), None);
        check(AccountExpires, None, Some(false));
        check(AccountExpires, Some("0"), Some(false));
        check(AccountExpires, Some("9223372036854775807"), Some(false));
        // 2026-11-26T12:00:00Z and a second later.
        check(AccountExpires, Some("134401680000000000"), Some(true));
        check(AccountExpires, Some("134401680010000000"), Some(false));
        check(PwdAccountLockedTime, Some("000001010000Z"), Some(true));
        check(PwdAccountLockedTime, Some("20261126110000Z"), Some(false));
        check(ShadowExpire, Some("-1"), Some(false));
        check(ShadowExpire, Some("20783"), Some(true));
        check(ShadowExpire, Some("20784"), Some(false));
        check(ShadowExpire, Some(""), None);
    }
}
