//! Regular expressions as decoders of group names.

use inviter::core::{
    UserId,
    desired::Role,
    provider::ReadRequest,
    resolve::{ReadOutcome, resolve},
};

use super::{Place, around, wrong_end};

/// A group name goes all the way from the file of a directory to its room.
#[test]
fn patterns_decode_group_names() {
    let place = Place::new();
    std::fs::write(
        place.path("people.toml"),
        "people = [{ id = \"a\" }, { id = \"b\" }]\n\
         [[groups]]\nname = \"team-blue\"\nmembers = [\"a\", \"b\"]\n\
         [[groups]]\nname = \"team-blue-leads\"\nmembers = [\"b\"]\n\
         [[groups]]\nname = \"MTRX #other:example.com\"\nmembers = [\"a\"]\n\
         [[groups]]\nname = \"staff\"\nmembers = [\"a\"]\n",
    )
    .unwrap();
    let decoders = "decoders = [\"mtrx\", { pattern = \"team-(?<team>[a-z0-9]+)\", alias = \"#${team}:example.com\" }, \
                    { pattern = \"(?<group>team-.+)-leads\", owners_of = \"${group}\" }]";
    let config = place
        .parse(&around("", "", decoders))
        .unwrap_or_else(|e| panic!("{e}"));
    let policy = config.policy(UserId::parse("@bot:example.com").unwrap().as_ref());
    let [provider] = inviter::wiring::providers(&config).try_into().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let read = ReadOutcome {
        provider: provider.id(),
        result: runtime.block_on(provider.read(&ReadRequest::default())),
    };
    let desired = resolve(&[read], &policy);
    let rooms: Vec<(String, usize)> = desired
        .rooms
        .iter()
        .map(|room| (room.refs[0].to_string(), room.seats.len()))
        .collect();
    assert_eq!(
        rooms,
        [("#blue:example.com".into(), 2), ("#other:example.com".into(), 1)]
    );
    let owners: Vec<_> = desired.rooms[0].seats.iter().map(|seat| seat.role).collect();
    assert_eq!(owners, [Role::Member, Role::Level(50)]);
}

#[test]
fn wrong_patterns() {
    let wrong = |decoder: &str, what: &str, message: &str| {
        wrong_end(&format!("decoders = [{decoder}]"), what, message);
    };
    wrong(
        "{ pattern = 'a(', alias = \"#a:b.c\" }",
        "'a('",
        "`pattern` in [directory.decoders]: the pattern `a(` is not a regular expression (unclosed group); correct it",
    );
    wrong(
        "{ pattern = '(?<a>x)*', alias = \"#${a}:b.c\" }",
        "'(?<a>",
        "`pattern` in [directory.decoders]: the pattern `(?<a>x)*` matches an empty name, and so more than is meant; \
         write `+` instead of `*`",
    );
    wrong(
        "{ pattern = \"(?<a>x)\", alias = '#${b}:b.c' }",
        "'#${b}",
        "`alias` in [directory.decoders]: the template `#${b}:b.c` has `${b}`, and the pattern has no such part; it has \
         `${a}`",
    );
    wrong(
        "{ pattern = \"(?<a>x)\", alias = '${a}:b.c' }",
        "'${a}",
        "`alias` in [directory.decoders]: the template `${a}:b.c` does not make an alias; write it like \
         \"#${name}:example.com\"",
    );
    let one = "write one of them: the alias of the room that a group stands for, or the name of the group whose owners \
               it holds";
    wrong(
        "{ pattern = \"x\" }",
        "{ pattern",
        &format!("this pattern in [directory.decoders] has neither `alias` nor `owners_of`; {one}"),
    );
    wrong(
        "{ pattern = \"x\", alias = \"#a:b\", owners_of = \"y\" }",
        "{ pattern",
        &format!("this pattern in [directory.decoders] has both `alias` and `owners_of`; {one}"),
    );
    wrong(
        "{ alias = \"#a:b\" }",
        "{ alias",
        "`pattern` in [directory.decoders] is missing; write a regular expression that fits whole group names",
    );
    wrong(
        "{ patern = \"x\", pattern = \"x\", owners_of = \"y\" }",
        "patern",
        "unknown key `patern` in [directory.decoders], did you mean `pattern`?",
    );
    wrong(
        "\"xxx\", 'xxx'",
        "'xxx'",
        "`decoders` in [directory] names a decoder twice; keep one",
    );
}
