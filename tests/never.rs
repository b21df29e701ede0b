//! `docs/never.md` promises nothing without a test: each line names some, and all of them exist.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

/// The promises, each as one text.
fn promises(page: &str) -> Vec<String> {
    let mut promises: Vec<String> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if let Some(promise) = line.strip_prefix("- ") {
            promises.push(promise.to_owned());
            inside = true;
        } else if inside && line.starts_with("  ") {
            let promise = promises.last_mut().unwrap();
            promise.push(' ');
            promise.push_str(line.trim());
        } else {
            inside = false;
        }
    }
    promises
}

/// Why a test that is named is none; the text is that of its file.
fn no_test(text: &str, name: &str) -> Option<String> {
    let function = Regex::new(&format!(r"(?m)^ *(?:async )?fn {name}\(")).unwrap();
    let Some(found) = function.find(text) else {
        return Some(format!("there is no function `{name}`"));
    };
    // Attributes and comments right above it.
    let above: Vec<&str> = text[..found.start()]
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.starts_with("#[") || line.starts_with("//") || line.ends_with(")]"))
        .collect();
    let is_test = |line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    if !above.iter().any(is_test) {
        Some(format!("`{name}` is no test"))
    } else if above.iter().any(|line| line.starts_with("#[ignore")) {
        Some(format!("`{name}` is ignored"))
    } else {
        None
    }
}

#[test]
fn each_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/never.md")).unwrap();
    let named = Regex::new(r"`([a-z0-9_/.-]+\.rs)::([a-z0-9_]+)`").unwrap();
    let promises = promises(&page);
    assert!(promises.len() >= 25, "{promises:#?}");
    let mut wrong = Vec::new();
    let mut tests = BTreeSet::new();
    for promise in &promises {
        let mut any = false;
        for test in named.captures_iter(promise) {
            any = true;
            tests.insert(test[0].to_owned());
            let trouble = match fs::read_to_string(root.join(&test[1])) {
                Ok(text) => no_test(&text, &test[2]),
                Err(error) => Some(error.to_string()),
            };
            wrong.extend(trouble.map(|trouble| format!("{}: {trouble}", &test[1])));
        }
        if !any {
            wrong.push(format!("no test for: {promise}"));
        }
    }
    assert!(wrong.is_empty(), "docs/never.md: {wrong:#?}");
    // Nothing that looks like a test is passed over.
    assert_eq!(page.matches(".rs::").count(), page.matches("::").count());
    assert!(tests.len() >= promises.len(), "{tests:#?}");
}

#[test]
fn what_is_no_test_is_told() {
    let text = "/// About it.\n#[test]\nfn a_test() {}\n\nfn helper() {}\n\n#[tokio::test]\nasync fn another() {}\n\n\
                #[test]\n#[ignore = \"slow\"]\nfn never_run() {}\n";
    for name in ["a_test", "another"] {
        assert_eq!(no_test(text, name), None);
    }
    for (name, trouble) in [
        ("helper", "`helper` is no test"),
        ("never_run", "`never_run` is ignored"),
        ("gone", "there is no function `gone`"),
    ] {
        assert_eq!(no_test(text, name).as_deref(), Some(trouble));
    }
    let page = "# Title\n\ntext\n\n- one\n  `a.rs::b`,\n  more\n- two\n\n  not\n";
    assert_eq!(promises(page), ["one `a.rs::b`, more", "two"]);
}
