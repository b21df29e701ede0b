//! Reading one table of a document, key by key, while collecting everything that is wrong with it.

use std::time::Duration;

use super::{Entry, Node, Problems, Value};

/// A table and the name under which messages speak of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'n> {
    /// As in `[homeserver]`; empty for the top of the document.
    name: &'static str,
    /// Byte offset of the table.
    pub(crate) at: usize,
    entries: &'n [Entry<'n>],
}

/// A value with its position.
pub(crate) type At<T> = (usize, T);

impl<'n> Section<'n> {
    /// Takes a node as the section `name`, whose keys are `known`. Each key that is not is a problem.
    pub(crate) fn read(
        node: &'n Node<'n>,
        name: &'static str,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let section = Self::open(node, name, problems)?;
        for entry in section.entries {
            if !known.contains(&&*entry.key) {
                let place = section.place();
                let key = shortened(&entry.key);
                let message = match nearest(&entry.key, known) {
                    Some(right) => format!("unknown key `{key}`{place}, did you mean `{right}`?"),
                    None => format!("unknown key `{key}`{place}; it knows {}", listed(known, "and")),
                };
                problems.add(entry.at, message);
            }
        }
        Some(section)
    }

    /// Takes a node as the section `name` whose keys are free.
    pub(crate) fn open(node: &'n Node<'n>, name: &'static str, problems: &mut Problems) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            let kind = node.value.kind();
            let message = match name {
                "" => format!("the file must be a table, not {kind}"),
                _ => format!("`{name}` must be a table, not {kind}"),
            };
            problems.add(node.at, message);
            return None;
        };
        Some(Self {
            name,
            at: node.at,
            entries,
        })
    }

    /// A section without any key, for one that is absent.
    pub(crate) const fn absent(name: &'static str) -> Self {
        Self {
            name,
            at: 0,
            entries: &[],
        }
    }

    /// All keys, in the order of the document.
    pub(crate) const fn entries(&self) -> &'n [Entry<'n>] {
        self.entries
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node<'n>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    /// Where a key's value stands; the table's place when the key is absent.
    pub(crate) fn at(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |node| node.at)
    }

    /// How messages name a key: `` `url` in [homeserver] ``.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("`{key}`{}", self.place())
    }

    fn place(&self) -> String {
        if self.name.is_empty() {
            String::new()
        } else {
            format!(" in [{}]", self.name)
        }
    }

    /// A string that is not empty.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Option<At<&'n str>> {
        let node = self.get(key)?;
        let text = text_of(node, || self.key(key), problems)?;
        Some((node.at, text))
    }

    /// A string, which may be empty.
    pub(crate) fn any_text(&self, key: &str, problems: &mut Problems) -> Option<At<&'n str>> {
        match self.get(key)? {
            Node {
                at,
                value: Value::Text(text),
            } => Some((*at, text)),
            _ => self.text(key, problems),
        }
    }

    /// A string that `parse` understands; its error says what the value is not, or what to write.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl FnOnce(&'n str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        let (at, text) = self.text(key, problems)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                problems.add(at, format!("{}: {error}", self.key(key)));
                None
            }
        }
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let node = self.get(key)?;
        if !matches!(node.value, Value::Text(_)) {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let (known, kind) = (quoted(&known, "\"", "or"), node.value.kind());
            problems.add(node.at, format!("{} must be {known}, not {kind}", self.key(key)));
            return None;
        }
        self.parsed(key, |text| choose(text, words), problems)
    }

    /// A boolean.
    pub(crate) fn flag(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let node = self.get(key)?;
        if let Value::Flag(flag) = node.value {
            return Some(flag);
        }
        let kind = node.value.kind();
        problems.add(
            node.at,
            format!("{} must be true or false, not {kind}", self.key(key)),
        );
        None
    }

    /// An integer within bounds.
    pub(crate) fn integer<T: TryFrom<i64> + Copy + Into<i64>>(
        &self,
        key: &str,
        (least, most): (T, T),
        problems: &mut Problems,
    ) -> Option<T> {
        let node = self.get(key)?;
        let Value::Integer(number) = node.value else {
            let kind = node.value.kind();
            problems.add(
                node.at,
                format!("{} must be an integer, not {kind}", self.key(key)),
            );
            return None;
        };
        let (least, most) = (least.into(), most.into());
        match T::try_from(number) {
            Ok(value) if (least..=most).contains(&number) => Some(value),
            _ => {
                problems.add(
                    node.at,
                    format!(
                        "{} is {number} and must be between {least} and {most}",
                        self.key(key)
                    ),
                );
                None
            }
        }
    }

    /// A duration with units, such as `"30s"` or `"1h 30m"`.
    pub(crate) fn duration(&self, key: &str, problems: &mut Problems) -> Option<Duration> {
        let node = self.get(key)?;
        if let Value::Integer(number) = node.value {
            let key = self.key(key);
            problems.add(
                node.at,
                format!("{key} must have a unit (ms, s, m, h, d); write it like \"{number}s\""),
            );
            return None;
        }
        self.parsed(key, parse_duration, problems)
    }

    /// The items of a list.
    pub(crate) fn list(&self, key: &str, problems: &mut Problems) -> &'n [Node<'n>] {
        let Some(node) = self.get(key) else { return &[] };
        if let Value::List(items) = &node.value {
            return items;
        }
        let kind = node.value.kind();
        problems.add(node.at, format!("{} must be a list, not {kind}", self.key(key)));
        &[]
    }

    /// A list of strings.
    pub(crate) fn texts(&self, key: &str, problems: &mut Problems) -> Vec<At<&'n str>> {
        let items = self.list(key, problems);
        items
            .iter()
            .filter_map(|item| {
                let text = text_of(item, || format!("each entry of {}", self.key(key)), problems)?;
                Some((item.at, text))
            })
            .collect()
    }

    /// A list of strings, each of which `parse` understands.
    pub(crate) fn parsed_list<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl Fn(&'n str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Vec<At<T>> {
        let texts = self.texts(key, problems);
        texts
            .into_iter()
            .filter_map(|(at, text)| match parse(text) {
                Ok(value) => Some((at, value)),
                Err(error) => {
                    problems.add(at, format!("{}: {error}", self.key(key)));
                    None
                }
            })
            .collect()
    }
}

/// The string in a node; `name` is how messages call it.
pub(crate) fn text_of<'n>(
    node: &'n Node<'n>,
    name: impl FnOnce() -> String,
    problems: &mut Problems,
) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) if text.is_empty() => {
            problems.add(node.at, format!("{} is empty", name()));
            None
        }
        Value::Text(text) => Some(text),
        other => {
            let how = match other {
                Value::Integer(number) => format!("; write \"{number}\""),
                _ => String::new(),
            };
            problems.add(
                node.at,
                format!("{} must be a string, not {}{how}", name(), other.kind()),
            );
            None
        }
    }
}

/// What follows "must be a string, not a table" where keys are names that often have dots in them.
pub(crate) fn dotted_hint(node: &Node<'_>) -> &'static str {
    match node.value {
        Value::Table(_) => "; a name with a dot stands in quotation marks",
        _ => "",
    }
}

/// One of several words, or a sentence that names the nearest.
pub(crate) fn choose<T: Clone>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(value.clone());
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let text = shortened(text);
    Err(match nearest(&text, &known) {
        Some(right) => format!("`{text}` is unknown, did you mean `{right}`?"),
        None => format!("`{text}` is unknown; write {}", listed(&known, "or")),
    })
}

/// The known word that someone probably meant.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Edit distance is quadratic; nobody misspells a word of that length.
    if word.len() > 64 {
        return None;
    }
    let folded = word.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|right| (strsim::osa_distance(&folded, &right.to_lowercase()), *right))
        .min()
        .filter(|(distance, right)| *distance <= right.len().min(folded.len()).div_ceil(3))
        .map(|(_, right)| right)
}

/// `` `a`, `b` or `c` ``
fn listed(known: &[&str], conjunction: &str) -> String {
    quoted(known, "`", conjunction)
}

fn quoted(known: &[&str], mark: &str, conjunction: &str) -> String {
    let quoted: Vec<String> = known.iter().map(|key| format!("{mark}{key}{mark}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
        None => "no keys".to_owned(),
    }
}

/// Quotable in a message, however long or odd it is.
pub(crate) fn shortened(text: &str) -> String {
    let escaped: String = text
        .chars()
        .take(80)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if text.chars().nth(80).is_some() {
        escaped + "…"
    } else {
        escaped
    }
}

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads `"30s"`, `"500ms"`, `"1h 30m"`. A bare number is refused: its unit would be a guess.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "`{}` is not a duration; write a number with a unit (ms, s, m, h, d), such as \"30s\" or \"1h 30m\"",
            shortened(text)
        )
    };
    let mut rest = text.trim();
    let mut millis = 0_u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, factor) = UNITS
            .iter()
            .find(|(unit, _)| *unit == &rest[..letters])
            .ok_or_else(wrong)?;
        rest = rest[letters..].trim_start();
        millis = number
            .checked_mul(*factor)
            .and_then(|part| millis.checked_add(part))
            .ok_or_else(wrong)?;
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("500 ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "30", "s", "30x", "-1s", "1.5s", "99999999999999999999s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_word() {
        assert_eq!(
            nearest("homserver", &["homeserver", "accounts"]),
            Some("homeserver")
        );
        assert_eq!(
            nearest("access-token-file", &["access_token_file"]),
            Some("access_token_file")
        );
        assert_eq!(nearest("Url", &["url"]), Some("url"));
        assert_eq!(nearest("colour", &["url", "user"]), None);
    }
}
