//! What nobody can guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// So many random bytes, in base64url.
pub(crate) fn text(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // Without randomness there would be no TLS either; a token of zeros is still a token.
    let _ = aws_lc_rs::rand::fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

/// A random GUID.
pub(crate) fn guid() -> String {
    crate::id::Id::numbered(number(), number()).to_string()
}

pub(crate) fn number() -> u64 {
    let mut buffer = [0; 8];
    let _ = aws_lc_rs::rand::fill(&mut buffer);
    u64::from_le_bytes(buffer)
}

/// Puts things into a random order.
pub(crate) fn shuffle<T>(things: &mut [T]) {
    for end in (1..things.len()).rev() {
        let number = number() % (end as u64 + 1);
        things.swap(end, usize::try_from(number).unwrap_or(0));
    }
}
