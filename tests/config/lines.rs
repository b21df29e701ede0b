//! Lines of a section, one key each, with others in their place.

/// The lines with one in place of that with its key, or added.
pub(crate) fn replaced(lines: &str, line: &str) -> String {
    let key = line.split(" = ").next().unwrap();
    let others = without(lines, &[key]);
    format!("{others}{line}\n")
}

/// The lines but those of some keys.
pub(crate) fn without(lines: &str, keys: &[&str]) -> String {
    let lines = lines.lines().filter(|line| {
        let key = line.split(" = ").next().unwrap();
        !keys.contains(&key)
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}
