//! What docs/ldap.md quotes is what the program says.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

use std::path::Path;

/// The sources as one text, with strings over several lines as they are.
fn sources() -> String {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut text = String::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut whole = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
        } else {
            whole.push_str(line);
            whole.push('\n');
        }
    }
    whole
}

#[test]
fn causes_are_quoted_as_they_are_told() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ldap.md");
    let page = std::fs::read_to_string(page).unwrap();
    let sources = sources().replace("{MAX_LOOKUPS}", "20000");
    let causes = page.lines().skip_while(|line| !line.starts_with("| cause |"));
    let causes = causes.take_while(|line| line.starts_with('|'));
    let mut compared = 0;
    for line in causes {
        let cause = line.split('|').nth(1).unwrap();
        for quoted in cause.split('"').skip(1).step_by(2) {
            // What stands for the names of things, and the mark between a thing and what is said of it.
            for part in quoted
                .split(['…', ':'])
                .map(str::trim)
                .filter(|part| part.len() > 4)
            {
                assert!(
                    sources.contains(part),
                    "nothing says {part:?}, as docs/ldap.md has it"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}
