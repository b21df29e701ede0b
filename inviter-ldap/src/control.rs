//! The controls that are used, written and read without trust in what the server sends.

use ldap3::{
    asn1::{PL, StructureTag, parse_tag},
    controls::{Control, RawControl},
};

use crate::entry::{constructed, primitive};

/// Paged results (RFC 2696).
const PAGED: &str = "1.2.840.113556.1.4.319";
/// What the password policy has to say of a bind (draft-behera-ldap-password-policy section 6).
const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Asks for a page. Critical, since a server that does not know it would answer as if nothing had been asked.
pub(crate) fn page(size: u32, cookie: &[u8]) -> RawControl {
    let mut size = size.to_be_bytes().to_vec();
    while size.len() > 1 && size[0] == 0 && size[1] < 0x80 {
        size.remove(0);
    }
    if size[0] >= 0x80 {
        size.insert(0, 0);
    }
    let mut content = element(0x02, &size);
    content.extend(element(0x04, cookie));
    RawControl {
        ctype: PAGED.to_owned(),
        crit: true,
        val: Some(element(0x30, &content)),
    }
}

/// Asks to be told why a password is refused. Not critical: few servers know it.
pub(crate) fn password_policy() -> RawControl {
    RawControl {
        ctype: PASSWORD_POLICY.to_owned(),
        crit: false,
        val: None,
    }
}

/// The cookie for the next page; empty after the last. `None` if the server sent no such control.
///
/// # Errors
/// `Err` if it sent one that cannot be understood.
pub(crate) fn next_page(controls: &[Control]) -> Result<Option<Vec<u8>>, ()> {
    let Some(control) = find(controls, PAGED) else {
        return Ok(None);
    };
    let mut parts = parts(control).ok_or(())?.into_iter();
    let cookie = parts.nth(1).and_then(primitive);
    cookie.map(Some).ok_or(())
}

/// Why the password policy refuses a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyError {
    Expired,
    Locked,
    ChangeAfterReset,
}

/// What the password policy says of a bind, if it says anything of interest.
pub(crate) fn policy_error(controls: &[Control]) -> Option<PolicyError> {
    let parts = parts(find(controls, PASSWORD_POLICY)?)?;
    let error = parts.into_iter().find_map(|part| match (part.id, part.payload) {
        (1, PL::P(code)) => code.last().copied(),
        _ => None,
    })?;
    match error {
        0 => Some(PolicyError::Expired),
        1 => Some(PolicyError::Locked),
        2 => Some(PolicyError::ChangeAfterReset),
        _ => None,
    }
}

fn find<'c>(controls: &'c [Control], kind: &str) -> Option<&'c RawControl> {
    let mut all = controls.iter().map(|Control(_, raw)| raw);
    all.find(|raw| raw.ctype == kind)
}

/// The parts of a control's value.
fn parts(control: &RawControl) -> Option<Vec<StructureTag>> {
    let (_, tag) = parse_tag(control.val.as_deref()?).ok()?;
    constructed(tag)
}

/// A BER element of any length.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _ => {
            out.push(0x84);
            out.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: &str, value: Option<&[u8]>) -> Control {
        let raw = RawControl {
            ctype: kind.to_owned(),
            crit: false,
            val: value.map(<[u8]>::to_vec),
        };
        Control(None, raw)
    }

    #[test]
    fn pages_are_asked_for_and_answered_in_one_form() {
        for cookie in [&b""[..], b"abc", &[0xff; 300]] {
            for size in [1, 127, 128, 500, 100_000] {
                let RawControl { val, crit, .. } = page(size, cookie);
                assert!(crit);
                let answered = control(PAGED, val.as_deref());
                assert_eq!(next_page(&[answered]), Ok(Some(cookie.to_vec())));
            }
        }
        let asked = page(500, b"").val;
        assert_eq!(asked.as_deref(), Some(&[0x30, 6, 2, 2, 1, 0xf4, 4, 0][..]));
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        assert_eq!(next_page(&[]), Ok(None));
        for value in [
            None,
            Some(&b""[..]),
            Some(b"\x30"),
            Some(b"\x30\x03\x02\x01\x00"),
            Some(b"\x04\x00"),
        ] {
            assert_eq!(next_page(&[control(PAGED, value)]), Err(()), "{value:?}");
        }
    }

    #[test]
    fn what_the_policy_says() {
        let said = |value: &[u8]| policy_error(&[control(PASSWORD_POLICY, Some(value))]);
        assert_eq!(said(&[0x30, 3, 0x81, 1, 0]), Some(PolicyError::Expired));
        assert_eq!(said(&[0x30, 3, 0x81, 1, 1]), Some(PolicyError::Locked));
        assert_eq!(said(&[0x30, 0]), None);
        assert_eq!(said(&[0x30, 5, 0xa0]), None);
        assert_eq!(policy_error(&[control(PASSWORD_POLICY, None)]), None);
    }
}
