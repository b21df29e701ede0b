//! Groups of a tenant that listed rooms name by their object IDs.

use super::{CLIENT, GROUP, LEAST, OTHER_GROUP, TENANT, directory, of};
use crate::{around, error_of, errors_of, good, lines::without, wrong_end};

/// A tenant without any group of its own.
fn without_groups() -> String {
    directory(&without(LEAST, &["group_prefix"]))
}

fn room(groups: &str) -> String {
    format!("[[room]]\nalias = \"#a:example.com\"\ngroups = [{groups}]\n")
}

/// The IDs that the tenant is asked for.
fn ids(end: &str) -> Vec<String> {
    of(&good(end)).1.entra.rooms.ids.clone()
}

#[test]
fn listed_groups_are_read() {
    let tenant = without_groups();
    let upper = GROUP.to_uppercase();
    assert_eq!(
        ids(&format!("{tenant}{}", room(&format!("\"{upper}\"")))),
        [GROUP]
    );
    let table =
        |directory: &str| format!("{{ group = \"{upper}\", directory = \"{directory}\", level = 50 }}");
    assert_eq!(ids(&format!("{tenant}{}", room(&table("corp")))), [GROUP]);
    // The other way round, and several rooms that share some.
    let rooms = room(&format!("\"{GROUP}\", \"{OTHER_GROUP}\""))
        + "[[room]]\nid = \"!b:example.com\"\ngroups = [\""
        + &upper
        + "\", \"Staff\"]\n";
    assert_eq!(ids(&format!("{tenant}{rooms}")), [GROUP, OTHER_GROUP]);
    // Beside those of the section itself, each once.
    let own = directory(&format!("{LEAST}groups = [\"{GROUP}\"]"));
    assert_eq!(ids(&format!("{own}{rooms}")), [GROUP, OTHER_GROUP]);
}

#[test]
fn rooms_mean_them_in_the_spelling_of_graph() {
    let upper = GROUP.to_uppercase();
    let meant = |end: &str| {
        let config = good(end);
        let groups = config.rooms[0].groups.iter();
        groups
            .map(|group| group.group.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let tenant = directory(LEAST);
    let names = room(&format!("\"{upper}\", \"Staff\", \"STAFF-1\""));
    assert_eq!(meant(&format!("{tenant}{names}")), [GROUP, "Staff", "STAFF-1"]);
    // A file calls its groups as it likes.
    let of_file = room(&format!("{{ group = \"{upper}\", directory = \"people\" }}"));
    assert_eq!(meant(&format!("{tenant}{of_file}")), [upper.as_str()]);
    assert_eq!(meant(&room(&format!("\"{upper}\""))), [upper.as_str()]);
    // Twice the same, in two spellings.
    wrong_end(
        &format!("{tenant}{}", room(&format!("\"{GROUP}\", \"{upper}\""))),
        &format!("\"{upper}\""),
        &format!("the group `{GROUP}` is listed twice in this room; keep one"),
    );
}

#[test]
fn those_of_other_directories_are_not() {
    let tenant = directory(LEAST);
    let of_file = format!("{{ group = \"{GROUP}\", directory = \"people\" }}");
    assert!(ids(&format!("{tenant}{}", room(&of_file))).is_empty());
    // Names are found among the groups that are read anyway.
    assert!(
        ids(&format!(
            "{tenant}{}",
            room("\"Staff\", { group = \"HR\", directory = \"corp\" }")
        ))
        .is_empty()
    );
    // Of several tenants, a room without a directory may mean each.
    let second = directory(LEAST).replace("\"corp\"", "\"second\"");
    let both = format!("{tenant}{second}");
    let all_ids = |groups: &str| {
        let config = good(&format!("{both}{}", room(groups)));
        let directories = config.directories[1..].iter();
        directories
            .map(|directory| match &directory.kind {
                inviter::config::DirectoryKind::Entra(entra) => entra.entra.rooms.ids.clone(),
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(all_ids(&format!("\"{GROUP}\"")), [[GROUP], [GROUP]]);
    let one = all_ids(&format!("{{ group = \"{GROUP}\", directory = \"second\" }}"));
    assert_eq!(one, [vec![], vec![GROUP.to_owned()]]);
}

#[test]
fn rooms_with_placeholders() {
    let tenant = without_groups();
    let rooms = format!(
        "[[room]]\nalias = \"#year-<1>:example.com\"\narguments = [\"2025\"]\ngroups = [\"students-<1>\", \
         \"{}\"]\n",
        GROUP.to_uppercase()
    );
    let config = good(&format!("{tenant}{rooms}"));
    assert_eq!(of(&config).1.entra.rooms.ids, [GROUP]);
    let groups = config.templates[0].groups.iter();
    let groups: Vec<&str> = groups.map(|group| group.group.as_str()).collect();
    assert_eq!(groups, ["students-<1>", GROUP]);
}

#[test]
fn some_group_is_needed() {
    let told = "[directory.entra] names no group that could stand for a room; write `root_group`, `group_prefix` or \
                `groups`, or list groups by their object IDs in a [[room]]";
    let tenant = without_groups();
    wrong_end(&tenant, "[directory.entra]", told);
    let empty = directory(&format!("{}groups = []", without(LEAST, &["group_prefix"])));
    wrong_end(&empty, "[directory.entra]", told);
    // A name alone would not be found.
    wrong_end(
        &format!("{tenant}{}", room("\"Staff\"")),
        "[directory.entra]",
        told,
    );
    wrong_end(
        &format!("{tenant}{}", room("{ group = \"Staff\", directory = \"corp\" }")),
        "[directory.entra]",
        told,
    );
    // Of two tenants, the one that lacks it.
    let two = directory(LEAST).replace("\"corp\"", "\"first\"") + &tenant;
    let text = around("", "", &two);
    let error = error_of(&text);
    let line = text[..text.rfind("[directory.entra]").unwrap()].lines().count() + 1;
    assert_eq!(error, format!("{line}:1: {told}"));
}

/// What is wrong with a room or a key may be why there is no group, so that is told, and not what follows from it.
#[test]
fn errors_do_not_follow_from_errors() {
    let tenant = without_groups();
    let room = format!("[[room]]\nalias = \"a\"\ngroups = [\"{GROUP}\"]");
    let errors = errors_of(&around("", "", &format!("{tenant}{room}")));
    assert!(
        errors.len() == 1 && errors[0].contains("is not a room alias"),
        "{errors:#?}"
    );
    for line in [
        "groups = [\"Staff\"]",
        "groups = 1",
        "root_group = \"Staff\"",
        "group_prefix = \"\"",
    ] {
        let lines = format!(
            "tenant = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_env = \"INVITER_PASSWORD\""
        );
        let errors = errors_of(&around("", "", &directory(&format!("{lines}\n{line}"))));
        let key = line.split(" = ").next().unwrap();
        assert!(
            errors.len() == 1 && errors[0].contains(&format!("`{key}` in [directory.entra]")),
            "{line}: {errors:#?}"
        );
    }
}
