//! Right files: each key arrives where it belongs.

use std::{path::Path, time::Duration};

use inviter::{
    config::{DecoderKind, DirectoryKind},
    core::{
        UserId,
        guard::Limits,
        mint::GuestRule,
        policy::UnregisteredPolicy,
        room::RoomRef,
        room_rules::{BringIn, HistoryVisibility, LeftPolicy, LevelsMode, Listing, RemovePolicy, RoomKind},
    },
};

use super::{Place, around, good};

#[test]
fn homeserver() {
    let place = Place::new();
    std::fs::write(place.path("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let more = "user = \"@bot:example.com\"\nca_file = \"ca.pem\"\nconnect_timeout = \"500ms\"\n\
                request_timeout = \"1m 30s\"\nsync_timeout = \"1h\"\nconcurrency = 3\n\
                proxy = \"http://proxy.example.com:3128\"";
    let config = place.parse(&around("", more, "")).unwrap().homeserver;
    assert_eq!(config.url.as_str(), "https://matrix.example.com/");
    assert_eq!(config.credentials.user().unwrap(), "@bot:example.com");
    assert_eq!(config.ca_file.as_deref(), Some(&*place.path("ca.pem")));
    assert_eq!(config.connect_timeout, Duration::from_millis(500));
    assert_eq!(config.request_timeout, Duration::from_secs(90));
    assert_eq!(config.sync_timeout, Duration::from_secs(3600));
    assert_eq!(config.concurrency, 3);
    assert_eq!(config.proxy.unwrap().as_str(), "http://proxy.example.com:3128/");
}

#[test]
fn plain_http_to_this_machine_needs_no_key() {
    for url in [
        "http://localhost:8008",
        "http://127.0.0.1:8008",
        "http://[::1]:8008",
    ] {
        let text = around("", "", "").replace("https://matrix.example.com", url);
        Place::new().parse(&text).unwrap_or_else(|e| panic!("{e}"));
    }
    let text = around("", "danger_allow_plain_http = true", "").replace("https:", "http:");
    Place::new().parse(&text).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn directory() {
    let config = good("");
    let [directory] = config.directories.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(directory.name.as_str(), "people");
    assert_eq!(directory.decoders, [DecoderKind::Mtrx, DecoderKind::Xxx]);
    assert_eq!(
        (directory.attribute.as_str(), directory.before_at),
        ("uid", false)
    );
    assert_eq!(directory.guests, GuestRule::Skip);
    let DirectoryKind::File { path } = &directory.kind else {
        panic!("{directory:?}")
    };
    assert!(path.is_absolute() && path.ends_with("people.toml"), "{path:?}");

    let more = "decoders = [\"xxx\"]\nattribute = \"userprincipalname\"\nguests = \"strip\"\n\
                [directory.renames]\n\"jane.doe\" = \"jane\"";
    let directory = &good(more).directories[0];
    assert_eq!(directory.decoders, [DecoderKind::Xxx]);
    assert!(directory.before_at, "the form of the attribute is name@domain");
    assert_eq!(directory.guests, GuestRule::Strip);
    assert_eq!(
        directory.renames.get("jane.doe").map(String::as_str),
        Some("jane")
    );
}

#[test]
fn scope_and_minting_follow_accounts_server() {
    let bot = UserId::parse("@bot:example.com").unwrap();
    let policy = good("").policy(&bot);
    assert_eq!(policy.accounts_server, "example.com");
    assert_eq!(policy.sources[0].minting.server, "example.com");
    let policy = good("[accounts]\nserver = \"people.example.org\"\nexempt = [\"@b_*:*\"]").policy(&bot);
    assert_eq!(policy.homeserver, "example.com");
    assert_eq!(policy.accounts_server, "people.example.org");
    assert_eq!(policy.sources[0].minting.server, "people.example.org");
    assert!(policy.exempt.matches(UserId::parse("@b_1:example.com").unwrap()));
}

#[test]
fn rooms_inherit_and_override() {
    let config = good(
        "[rooms]\nencrypt = false\nlisting = \"private\"\nhistory_visibility = \"keep\"\nowner_level = 60\n\
         [rooms.permissions]\nkick = 50\nban = \"keep\"\nevents = { \"m.room.topic\" = 0, \"m.reaction\" = \"keep\" }\n\
         [[room]]\nalias = \"#a:example.com\"\ngroups = [\"a\", { group = \"b\", directory = \"people\", level = 50 }]\n\
         encrypt = true\nhistory_visibility = \"joined\"\nkind = \"space\"\nname = \"A\"\nlevels = \"keep\"\n\
         version = \"11\"\n[room.permissions]\ninvite = 0\n\
         [[room]]\nid = \"!x:example.com\"\nmembers = [\"@m:example.org\", { user = \"@n:example.com\", level = 0 }]\n\
         manage_permissions = false",
    );
    let template = config.defaults.template.as_ref().unwrap();
    assert_eq!(
        (template.kick, template.ban, template.invite),
        (Some(50), None, Some(100))
    );
    assert_eq!(template.events.get("m.room.topic"), Some(&0));
    assert_eq!(template.events.get("m.reaction"), None);
    assert_eq!(template.events.get("m.room.name"), Some(&50));
    assert_eq!(config.defaults.history_visibility, None);

    let [a, x] = config.rooms.as_slice() else {
        panic!("{:?}", config.rooms)
    };
    assert!(matches!(&a.room, RoomRef::Alias(alias) if alias == "#a:example.com"));
    assert!(a.rules.encrypt && !config.defaults.encrypt);
    assert_eq!(a.rules.history_visibility, Some(HistoryVisibility::Joined));
    assert_eq!(
        (a.rules.kind, a.rules.levels),
        (RoomKind::Space, LevelsMode::Keep)
    );
    assert_eq!(
        (a.rules.listing, a.rules.owner_level),
        (Some(Listing::Private), 60)
    );
    assert_eq!(a.rules.name.as_deref(), Some("A"));
    let own = a.rules.template.as_ref().unwrap();
    assert_eq!((own.kick, own.invite), (Some(50), Some(0)));
    assert_eq!(a.groups[0].provider, None);
    assert_eq!(a.groups[1].provider.as_ref().unwrap().as_str(), "people");
    assert_eq!((a.groups[0].level, a.groups[1].level), (None, Some(50)));

    assert!(matches!(&x.room, RoomRef::Id(id) if id == "!x:example.com"));
    assert_eq!(x.rules.template, None);
    assert_eq!((x.members[0].level, x.members[1].level), (None, Some(0)));
}

#[test]
fn limits_that_are_not_said_are_those_of_all_rooms() {
    let limits = |text: &str| good(&format!("[limits]\n{text}")).limits;
    let bare = limits("");
    assert_eq!(bare, Limits::default());
    let raised = limits("total_count = 500\ntotal_percent = 50");
    let pairs = |l: &Limits| {
        [
            (l.directory_count, l.directory_percent),
            (l.shrink_count, l.shrink_percent),
        ]
    };
    assert_eq!(pairs(&raised), [(500, 50), (500, 50)]);
    assert_eq!((raised.room_count, raised.room_percent), (3, 25));
    let own = limits(
        "total_count = 500\ndirectory_count = 20\ndirectory_percent = 0\nshrink_count = 0\nshrink_percent = 7",
    );
    assert_eq!(pairs(&own), [(20, 0), (0, 7)]);
    assert_eq!((own.total_count, own.total_percent), (500, 5));
    assert!(!good("").danger_vanished_groups_are_empty);
    let config = good("[limits]\ndanger_vanished_groups_are_empty = true");
    assert!(config.danger_vanished_groups_are_empty);
    let bot = UserId::parse("@bot:example.org").unwrap();
    assert!(config.policy(&bot).danger_vanished_groups_are_empty);
}

#[test]
fn the_rest() {
    let config = Place::new()
        .parse(&around(
            "trusted_inviters = [\"@a:example.com\"]\ndanger_allow_world_readable = true\n\
             danger_allow_admin_levels = true",
            "",
            "[rooms]\nhistory_visibility = \"world_readable\"\nowner_level = 100\n\
             [adopt]\nany = true\ntrusted_creators = [\"@b:example.com\"]\n\
             [limits]\nroom_count = 0\nroom_percent = 0\ntotal_count = 7\ntotal_percent = 8\nwindow = \"2d\"\n\
             [people]\nleft = \"again\"\nunregistered = \"invite\"\ninvite_reason = \"in {room}\"\n\
             remove_reason = \"\"\ndanger_manage_admins = true\n[state]\ndir = \"state\"",
        ))
        .unwrap();
    assert_eq!(
        config.defaults.history_visibility,
        Some(HistoryVisibility::WorldReadable)
    );
    assert_eq!(config.defaults.owner_level, 100);
    assert!(config.adopt.any && config.danger_allow_admin_levels && config.danger_allow_world_readable);
    assert!(
        config
            .adopt
            .trusted_creators
            .iter()
            .any(|user| user == "@b:example.com")
    );
    assert!(
        config
            .trusted_inviters
            .iter()
            .any(|user| user == "@a:example.com")
    );
    assert_eq!((config.limits.room_count, config.limits.room_percent), (0, 0));
    assert_eq!((config.limits.total_count, config.limits.total_percent), (7, 8));
    assert_eq!(config.limits.window, Duration::from_secs(2 * 86_400));
    assert_eq!(config.defaults.left, LeftPolicy::Again);
    assert!(config.danger_manage_admins);
    assert_eq!(config.unregistered, UnregisteredPolicy::Invite);
    assert_eq!(
        config.invite_reason.map(|reason| reason.to_string()).as_deref(),
        Some("in {room}")
    );
    assert_eq!(config.remove_reason, None);
    assert!(config.state_dir.is_absolute() && config.state_dir.ends_with("state"));
}

#[test]
fn the_state_directory_by_default() {
    let place = Place::new();
    assert_eq!(
        good("").state_dir,
        Path::new("/home/inviter/.local/state/inviter")
    );
    let xdg = |name: &str| (name == "XDG_STATE_HOME").then(|| "/xdg".to_owned());
    let text = around("", "", "");
    let config = inviter::config::Config::parse(&text, &place.path("inviter.toml"), &xdg).unwrap();
    assert_eq!(config.state_dir, Path::new("/xdg/inviter"));
}

#[test]
fn who_may_go_and_when_is_said_for_all_rooms_or_for_some() {
    let rooms = "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]\n\
                 [[room]]\nalias = \"#b:example.com\"\ngroups = [\"g\"]\ngrace = \"0s\"\nremove = \"anyone\"";
    let found = |sections: &str| {
        let config = good(&format!("{rooms}\n{sections}"));
        let of = |rules: &inviter::core::room_rules::RoomRules| (rules.grace, rules.remove);
        (
            of(&config.defaults),
            of(&config.rooms[0].rules),
            of(&config.rooms[1].rules),
        )
    };
    let at_once = (Duration::ZERO, RemovePolicy::Anyone);
    assert_eq!(found(""), (at_once, at_once, at_once));
    let people = "[people]\ngrace = \"7d\"\nremove = \"brought_by_us\"\n";
    let later = (Duration::from_secs(7 * 86_400), RemovePolicy::BroughtByUs);
    assert_eq!(found(people), (later, later, at_once));
    let hour = (Duration::from_secs(3600), RemovePolicy::BroughtByUs);
    assert_eq!(
        found(&format!("{people}[rooms]\ngrace = \"1h\"")),
        (hour, hour, at_once)
    );
}

#[test]
fn what_was_done_with_people_is_remembered_for_some_time() {
    let history = |sections: &str| good(&format!("{}\n{sections}", one_room())).history;
    assert_eq!(history(""), Duration::from_secs(180 * 86_400));
    assert_eq!(
        history("[state]\nhistory = \"30d\""),
        Duration::from_secs(30 * 86_400)
    );
    assert_eq!(history("[state]\nhistory = \"0s\""), Duration::ZERO);
}

fn one_room() -> &'static str {
    "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]"
}

#[test]
fn how_people_come_in_is_said_for_all_rooms_or_for_some() {
    let rooms = "[[room]]\nalias = \"#a:example.com\"\ngroups = [\"g\"]\n\
                 [[room]]\nalias = \"#b:example.com\"\ngroups = [\"g\"]\nbring_in = \"invite\"\nleft = \"never\"";
    let day = LeftPolicy::After(Duration::from_secs(86_400));
    let found = |sections: &str| {
        let config = good(&format!("{rooms}\n{sections}"));
        let of = |rules: &inviter::core::room_rules::RoomRules| (rules.bring_in, rules.left);
        (
            of(&config.defaults),
            of(&config.rooms[0].rules),
            of(&config.rooms[1].rules),
        )
    };
    let invited = (BringIn::Invite, LeftPolicy::UntilBroughtAnew);
    let own = (BringIn::Invite, LeftPolicy::Never);
    assert_eq!(found(""), (invited, invited, own));
    let people = "[people]\nbring_in = \"join\"\nleft = \"after 1d\"\n";
    let put_in = (BringIn::Join, day);
    assert_eq!(found(people), (put_in, put_in, own));
    let rooms_too = format!("{people}[rooms]\nleft = \"again\"");
    let again = (BringIn::Join, LeftPolicy::Again);
    assert_eq!(found(&rooms_too), (again, again, own));
}
