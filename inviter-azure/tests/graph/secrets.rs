//! No secret, and no token of any kind, is in a log, an error or a `Debug` form.
//!
//! What crates below may log is not in our hands: `hyper` and `reqwest` are asked to say everything here, and say no
//! address with its query and no header. If a later version of theirs does, this test tells. The program itself logs only
//! what its own crates say (`inviter-cli/src/logging.rs`), so that what embeds these crates has to be held to this.

use std::{
    collections::BTreeSet,
    error::Error as StdError,
    fmt::{Debug, Write as _},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use inviter_azure::{Credential, EntraDirectory, IdentityTokens};
use inviter_core::{IdentityProvider as _, directory::ProviderId, provider::ReadRequest};
use inviter_graph_emulator::{ACCESS_TOKEN_PREFIX, Emulator, Fault, Match, Options, Shape, Tenant, Trouble};
use inviter_testkit::SecretForms;
use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt as _};

use crate::harness::{World, below};

/// Every form of it differs from every other.
const SECRET: &str = "s3cret~V/lue+with&every=th?ng\"%41 of the application";

/// How many tokens of a kind are looked for in every form; all of them take long.
const IN_ALL_FORMS: usize = 5;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that an error says, for people and for programs, along its whole chain.
fn whole(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(text, "{error}\n{error:?}\n{error:#?}").unwrap();
        next = error.source();
    }
    text
}

fn shown(value: &dyn Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

/// The tokens that the emulator was given, by their kinds: for access, in links to pages, and in links to changes.
fn tokens(emulator: &Emulator) -> [BTreeSet<String>; 3] {
    let mut tokens = [const { BTreeSet::new() }; 3];
    for request in emulator.requests() {
        let bearer = request
            .header("authorization")
            .and_then(|header| header.strip_prefix("Bearer "));
        tokens[0].extend(bearer.map(str::to_owned));
        for pair in request.path_and_query.split(['?', '&']) {
            let (name, value) = pair.split_once('=').unwrap_or_default();
            let name = name.replace("%24", "$");
            if value.len() < 10 {
                continue;
            }
            match name.as_str() {
                "$skiptoken" => _ = tokens[1].insert(value.to_owned()),
                "$deltatoken" => _ = tokens[2].insert(value.to_owned()),
                _ => {}
            }
        }
    }
    tokens
}

fn troubles() -> Vec<Trouble> {
    vec![
        Trouble::Status(401),
        Trouble::Denied,
        Trouble::NotFound,
        Trouble::Gone,
        Trouble::Throttle { retry_after: Some(1) },
        Trouble::HtmlStatus(502),
        Trouble::Cut,
        Trouble::CutBody,
        Trouble::Slow(Duration::from_secs(1)),
        Trouble::Truncated,
        Trouble::NotJson,
        Trouble::EmptyValueMissing,
        Trouble::NextLinkElsewhere("http://127.0.0.1:1".to_owned()),
        Trouble::NextLinkLoop,
        Trouble::DropBatchItem,
        Trouble::Redirect("http://127.0.0.1:1".to_owned()),
        Trouble::Echo(400),
        Trouble::Echo(401),
        Trouble::Echo(403),
        Trouble::Echo(404),
        Trouble::Echo(410),
        Trouble::Echo(500),
        Trouble::Echo(200),
    ]
}

fn directory(emulator: &Emulator, world: &World, said: &mut String) -> EntraDirectory {
    let credential = Credential::ClientSecret {
        tenant: emulator.tenant_id().to_owned(),
        client_id: emulator.client_id().to_owned(),
        secret: SECRET.into(),
    };
    let mut config = world.config.clone();
    config.request_timeout = Duration::from_millis(800);
    *said += &(shown(&credential) + &shown(&config));
    let tokens = Arc::new(IdentityTokens::new(credential, &config));
    *said += &shown(&tokens);
    let directory = EntraDirectory::new(ProviderId::new("tenant"), config, tokens, world.clock.clone());
    *said += &shown(&directory);
    directory
}

/// What goes wrong in one tenant, one after the other.
async fn run(place: &str, troubles: Vec<Trouble>) -> Run {
    let tenant = Tenant::generate(&Shape {
        sizes: vec![20],
        ..Shape::sized(3, 30)
    });
    let root = tenant.root().unwrap();
    // Pages of everything, and a secret that needs every kind of encoding.
    let options = Options {
        client_secret: Some(SECRET.to_owned()),
        largest_page: 7,
        delta_page_size: 2,
        delta_members: 3,
        ..Options::default()
    };
    let world = World::start_with(tenant, options, below(root), |_| {}).await;
    let emulator = &world.emulator;
    let mut run = Run::default();
    let sound = directory(emulator, &world, &mut run.said);
    let mut number = 0;
    let mut change = || {
        emulator.change(|tenant| {
            for group in tenant.rooms().iter().map(|room| room.group).collect::<Vec<_>>() {
                number += 1;
                let user = tenant.add_user(&*format!("new-{number}@example.org"));
                tenant.add_member(group, user);
            }
        });
    };
    // On a busy machine an answer may take longer than is waited for here.
    let mut tries = 0;
    while let Err(error) = sound.read(&ReadRequest::default()).await {
        tries += 1;
        assert!(tries < 20, "{error}");
    }
    for (at, what) in troubles.into_iter().enumerate() {
        // Some at a first read, and the others at the next one.
        let reader = if at % 2 == 0 {
            directory(emulator, &world, &mut run.said)
        } else {
            change();
            sound.clone()
        };
        emulator.expire_tokens();
        emulator.fault(Fault::times(2, Match::path(place), what));
        match reader.read(&ReadRequest::default()).await {
            Ok(read) => run.said += &(shown(&read.listing) + &shown(&read.groups) + &shown(&read.remarks)),
            Err(error) => {
                run.failed += 1;
                run.said += &whole(&error);
            }
        }
        run.said += &(shown(&reader.advice().await) + &shown(&reader));
        emulator.clear_faults();
    }
    run.tokens = tokens(emulator);
    let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let requests = emulator.requests();
    run.sent_secret = requests
        .iter()
        .any(|request| String::from_utf8_lossy(&request.body).contains(&secret));
    run
}

/// What came of it.
#[derive(Default)]
struct Run {
    said: String,
    failed: usize,
    tokens: [BTreeSet<String>; 3],
    sent_secret: bool,
}

/// On one thread, whose log is kept.
#[tokio::test]
async fn nothing_secret_is_ever_said() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone());
    let logging = subscriber.finish().set_default();
    let places = [
        "/$batch",
        "/members",
        "/users/",
        "/groups/delta",
        "skiptoken",
        "/groups/",
        "/token",
    ];
    let all = troubles();
    let runs = places
        .iter()
        .flat_map(|place| all.chunks(3).map(move |some| run(place, some.to_vec())));
    let runs: Vec<Run> = stream::iter(runs.collect::<Vec<_>>())
        .buffer_unordered(60)
        .collect()
        .await;
    drop(logging);

    assert!(runs.iter().all(|run| run.sent_secret));
    assert!(runs.iter().map(|run| run.failed).sum::<usize>() > 10);
    let mut secrets = vec![SECRET.to_owned()];
    let mut tokens = Vec::new();
    for kind in 0..3 {
        let used: BTreeSet<&String> = runs.iter().flat_map(|run| &run.tokens[kind]).collect();
        assert!(used.len() > 30, "{kind}: {}", used.len());
        assert!(kind > 0 || used.iter().all(|token| token.starts_with(ACCESS_TOKEN_PREFIX)));
        secrets.extend(used.iter().take(IN_ALL_FORMS).map(|&token| token.clone()));
        tokens.extend(used);
    }
    let said: String = runs.iter().map(|run| run.said.as_str()).collect();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for who in ["TRACE hyper", "reqwest", "inviter_azure", "azure_identity"] {
        assert!(logged.contains(who), "{who} has logged nothing");
    }
    // That they would be found.
    let forms = SecretForms::new(&secrets).unwrap();
    assert_eq!(forms.found(secrets.join(" ").as_bytes()).len(), secrets.len());
    let own = || {
        let lines = logged.lines().filter(|line| line.contains("inviter_azure"));
        lines.collect::<Vec<_>>().join("\n")
    };
    for (what, text) in [("errors and values", &said), ("the log", &logged)] {
        let found = forms.found(text.as_bytes());
        assert!(
            found.is_empty(),
            "{what}: {found:?}; of our own log: {:?}",
            forms.found(own().as_bytes())
        );
        // The others as they are.
        for token in &tokens {
            assert!(!text.contains(token.as_str()), "{what}: {token}");
        }
    }
}
