//! How a text begins, as a number.

/// The first 16 bytes as a number that is ordered as the text is: where two differ, so do the texts, and most
/// comparisons end there without a look at what lies elsewhere in memory.
pub(crate) fn beginning(text: &[u8]) -> u128 {
    if let Some(start) = text.first_chunk() {
        return u128::from_be_bytes(*start);
    }
    let mut start = [0; 16];
    start[..text.len()].copy_from_slice(text);
    u128::from_be_bytes(start)
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn is_ordered_as_the_text_where_it_differs() {
        let texts = [
            "",
            "a",
            "a-",
            "a:x",
            "aa",
            "b",
            "sixteen bytes on",
            "sixteen bytes one",
            "z",
        ];
        for a in texts {
            for b in texts {
                let order = beginning(a.as_bytes()).cmp(&beginning(b.as_bytes()));
                assert_eq!(order.then_with(|| a.cmp(b)), a.cmp(b), "{a} {b}");
            }
        }
        assert!(beginning(b"a:x") > beginning(b"a-"));
    }
}
